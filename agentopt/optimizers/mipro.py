"""MIPRO: which instruction and which demonstrations each prompt gets, chosen together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from random import Random
from typing import Any

from agentopt.candidate import Candidate, Trial
from agentopt.errors import ProposalError
from agentopt.optimizers.base import ProposerSearch
from agentopt.optimizers.children import children_of, reaches_target, unmeasured
from agentopt.optimizers.settings import require_package, require_positive
from agentopt.proposers.base import Context, Proposer
from agentopt.proposers.demonstrations import Demonstration, demonstrations_of, with_demonstrations

REDRAWS = 50
"""How often TPE may draw a combination that is known before the first one in order is taken."""


class MIPRO(ProposerSearch):
    """Collects instructions and demonstrations for every prompt, and searches their combinations with TPE.

    1. The start is measured on dev and on `bootstrap` train instances. Runs of it that score at least `good` are
       demonstrations of each prompt; sets of one to `demonstrations` of them are drawn.
    2. The proposer rewrites the start until every prompt could have `instructions`.
    3. Optuna's TPE draws combinations. All of them are measured on the same `subset` dev instances (common random
       numbers: no combination is lucky in its instances), and after every `full_every` the best is measured on all.

    A prompt has no place for demonstrations of its own: they are written after it, by `prompts/demonstrations.md`.
    Numbers, choices and code keep the start's values; a space without a prompt is done at once. Needs the extra
    `optuna`.

    Args:
        proposer: writes the instructions.
        instructions: per prompt, the start's included.
        sets: sets of demonstrations per prompt, beside none.
        demonstrations: in a set, at most.
        bootstrap: train instances to take demonstrations from.
        good: score from which on a run is a demonstration; where not given, the target if there is one, else the
            mean of the start on these instances.
        subset: dev instances that combinations are compared on.
        full_every: combinations between two measurements on all of dev.
        trials: combinations; where not given, as the source reckons: the larger of 2 v log2 N and 1.5 N, for v
            choices among N.
        minibatch: train instances shown to the proposer.

    Source: "Optimizing Instructions and Demonstrations for Multi-Stage Language Model Programs", arXiv:2406.11695,
    with the defaults of its light setting; there, minibatches are drawn anew for each combination.
    """

    name = "mipro"
    acceptance = "the highest mean on all of dev of the combinations that led on a fixed part of it"

    def __init__(
        self,
        proposer: Proposer,
        *,
        instructions: int = 4,
        sets: int = 5,
        demonstrations: int = 4,
        bootstrap: int = 16,
        good: float | None = None,
        subset: int = 35,
        full_every: int = 5,
        trials: int | None = None,
        minibatch: int = 3,
    ) -> None:
        require_positive(instructions=instructions, sets=sets, demonstrations=demonstrations, bootstrap=bootstrap)
        require_positive(subset=subset, full_every=full_every, minibatch=minibatch)
        require_positive(trials=1 if trials is None else trials)
        require_package("optuna", "optuna", "optimizer `mipro`")
        self.proposer = proposer
        self.instructions = instructions
        self.sets = sets
        self.demonstrations = demonstrations
        self.bootstrap = bootstrap
        self.good = good
        self.subset = subset
        self.full_every = full_every
        self.trials = trials
        self.minibatch = minibatch

    def ask(self, context: Context, n: int) -> list[Trial]:
        """The start, then instructions, then combinations, and now and then the best of them on all of dev."""
        archive, start = context.archive, context.archive.candidates[0]
        shown = _drawn(context, "bootstrap", context.instances["train"], self.bootstrap)
        for instances in (context.compared, shown):
            if waiting := unmeasured(context, [start], instances):
                return waiting
        prompts = [name for name, p in context.space.parameters.items() if p.kind == "prompt"]
        if not prompts or reaches_target(context, self.best(context), context.compared):
            return []
        part = _drawn(context, "subset", context.compared, self.subset)
        if waiting := unmeasured(context, archive.candidates, part):
            return waiting
        if written := self._written(context, prompts, shown):
            return [Trial(candidate=c, instances=part) for c in written]
        menu = self._menu(context, prompts, shown)
        if full := self._full(context, part, is_last=False):
            return full
        combination = None if self._is_spent(context, menu) else self._combination(context, menu, part)
        if combination is None:
            return self._full(context, part, is_last=True)
        return [Trial(candidate=combination, instances=part)]

    def _written(self, context: Context, prompts: Sequence[str], shown: Sequence[str]) -> list[Candidate]:
        """One more rewriting of the start; none once there are enough, or too many could not be used."""
        archive, wanted = context.archive, (self.instructions - 1) * len(prompts)
        made = sum(c.origin != self.name for c in archive.candidates[1:])
        if made >= wanted or len(archive.refusals) >= 3 * wanted or len(archive.candidates) > made + 1:
            return []
        batch = _drawn(context, f"shown:{made + len(archive.refusals)}", shown, self.minibatch)
        return children_of(context, self.proposer, archive.candidates[0], batch, {})[: wanted - made]

    def _menu(self, context: Context, prompts: Sequence[str], shown: Sequence[str]) -> list[_Choice]:
        """What there is to choose from for each prompt."""
        archive = context.archive
        written = [c for c in archive.candidates if c.origin != self.name]
        evidence = archive.evidence(0, self._good(context, shown))
        found = []
        for name in prompts:
            texts = list(dict.fromkeys(str(c.values[name]) for c in written))
            pool = demonstrations_of(evidence, context.space.parameters[name])
            rng = Random(f"demonstrations:{context.seed}:{name}")
            sizes = [rng.randint(1, min(self.demonstrations, len(pool))) for _ in range(self.sets)] if pool else []
            drawn = [tuple(rng.sample(pool, size)) for size in sizes]
            found.append(_Choice(name=name, instructions=texts, sets=[(), *dict.fromkeys(drawn)]))
        return found

    def _good(self, context: Context, shown: Sequence[str]) -> list[str]:
        """The instances on which the start did well enough to be shown."""
        scores = {i: s for i, s in context.archive.scores(0, shown).items() if math.isfinite(s)}
        if not scores:
            return []
        usual = context.target if context.target is not None else sum(scores.values()) / len(scores)
        least = usual if self.good is None else self.good
        return [i for i, score in scores.items() if score >= least]

    def _is_spent(self, context: Context, menu: Sequence[_Choice]) -> bool:
        largest = max(max(len(c.instructions), len(c.sets)) for c in menu)
        choices = sum((len(c.instructions) > 1) + (len(c.sets) > 1) for c in menu)
        reckoned = int(max(2 * choices * math.log2(largest), 1.5 * largest)) if largest > 1 else 0
        made = sum(c.origin == self.name for c in context.archive.candidates)
        return made >= (reckoned if self.trials is None else self.trials)

    def _full(self, context: Context, part: tuple[str, ...], *, is_last: bool) -> list[Trial]:
        """The best combination so far on all of dev, when it is time for that."""
        archive, dev = context.archive, context.compared
        means = {c.id: archive.mean(c.id, part) for c in archive.candidates}
        scored = {candidate: mean for candidate, mean in means.items() if mean is not None}
        full = [c for c in scored if archive.is_measured(c, dev)]
        waiting = [c for c in scored if c not in full]
        if not waiting:
            return []
        best = max(waiting, key=lambda c: (scored[c], -c))
        is_due = len(full) <= (len(archive.candidates) - 1) // self.full_every
        leads = is_last and scored[best] > max((scored[c] for c in full), default=-math.inf)
        return [Trial(candidate=archive.candidates[best], instances=dev)] if is_due or leads else []

    def _combination(self, context: Context, menu: Sequence[_Choice], part: Sequence[str]) -> Candidate | None:
        """The next combination that has not been measured; `None` where there is none."""
        import optuna

        archive = context.archive
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler = optuna.samplers.TPESampler(
            seed=Random(f"mipro:{context.seed}:{len(archive.candidates)}").randrange(2**32), multivariate=True
        )
        study = optuna.create_study(direction="maximize", sampler=sampler)
        spaces: dict[str, Any] = {
            key: optuna.distributions.CategoricalDistribution(range(count))
            for choice in menu
            for key, count in choice.axes.items()
        }
        for candidate in archive.candidates:
            places, mean = _places(candidate, menu), archive.mean(candidate.id, part)
            if mean is not None and math.isfinite(mean):
                study.add_trial(optuna.trial.create_trial(params=places, distributions=spaces, value=mean))
        drawn = (study.ask(spaces).params for _ in range(REDRAWS))
        rest = (dict(zip(spaces, places)) for places in product(*(range(len(s.choices)) for s in spaces.values())))
        for chosen in (*drawn, *islice(rest, 10_000)):
            made = self._made(context, menu, chosen)
            if made is not None and made.id == len(archive.candidates):
                return made
        return None

    def _made(self, context: Context, menu: Sequence[_Choice], chosen: Mapping[str, int]) -> Candidate | None:
        """The candidate of a combination; `None` where a parameter's check refuses its text."""
        archive, start = context.archive, context.archive.candidates[0]
        try:
            texts = context.space.checked({choice.name: choice.text(chosen) for choice in menu})
        except ProposalError:
            return None
        notes = {"combination": dict(chosen)}
        return archive.candidate({**start.values, **texts}, parents=[start.id], origin=self.name, notes=notes)


@dataclass(frozen=True, kw_only=True)
class _Choice:
    """What a prompt may be made of.

    Args:
        name: of the prompt.
        instructions: the start's first.
        sets: of demonstrations, none first.
    """

    name: str
    instructions: Sequence[str]
    sets: Sequence[tuple[Demonstration, ...]]

    @property
    def axes(self) -> dict[str, int]:
        """The names of the two choices, and how many there are of each."""
        return {f"{self.name} instruction": len(self.instructions), f"{self.name} demonstrations": len(self.sets)}

    def text(self, chosen: Mapping[str, int]) -> str:
        """The prompt of a combination."""
        instruction, demonstrations = (chosen[key] for key in self.axes)
        return with_demonstrations(self.instructions[instruction], self.sets[demonstrations])


def _places(candidate: Candidate, menu: Sequence[_Choice]) -> dict[str, int]:
    """Where a candidate lies among the combinations: noted, or its instructions without demonstrations."""
    if "combination" in candidate.notes:
        return dict(candidate.notes["combination"])
    places: dict[str, int] = {}
    for choice in menu:
        instruction, demonstrations = choice.axes
        places |= {instruction: choice.instructions.index(str(candidate.values[choice.name])), demonstrations: 0}
    return places


def _drawn(context: Context, what: str, instances: Sequence[str], count: int) -> tuple[str, ...]:
    """So many of the instances, the same ones at every ask; all in order where there are no more."""
    if len(instances) <= count:
        return tuple(instances)
    return tuple(Random(f"{what}:{context.seed}").sample(list(instances), count))
