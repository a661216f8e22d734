"""GEPA: reflective rewriting, with parents from the front of those that lead on some instance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from random import Random
from typing import Any, Literal

from agentopt.candidate import Archive, Candidate, Trial
from agentopt.errors import UsageError
from agentopt.optimizers.base import ProposerSearch, best_by_mean
from agentopt.optimizers.children import attempts_made, children_of, minibatch, reaches_target, unmeasured
from agentopt.optimizers.settings import require_positive
from agentopt.proposers.base import Context, Proposer
from agentopt.selection.acceptance import SequentialTest, proves_better
from agentopt.selection.pareto import instance_leads


class GEPA(ProposerSearch):
    """Evolves candidates that are each best somewhere, and merges those that learned different things.

    One round: a parent is drawn from the front, by the number of dev instances that it leads; the proposer sees it on
    the next minibatch of train and makes a child. A child that does better on the minibatch (`sum`) and is not shown to
    be worse on the first part of dev (`test`) is measured on all of dev, which makes it a possible parent. A minibatch
    on which the parent reaches the target is passed over.

    Args:
        proposer: makes the children; `reflect` is GEPA's own.
        minibatch: train instances shown per round.
        merge: also join two of the front that descend from one candidate: of each parameter that one of them
            changed, its value; where both did, that of the better one.
        merges: at most so many.
        gate: `sum` is the original: a child goes on to dev where the sum of its scores on the minibatch is above its
            parent's. `test` asks for as much, and gives a child up after a quarter or half of dev, paired with its
            parent, where the test of `SequentialTest` says that going on is futile: most children that change
            nothing cost a part of dev only. Neither is a proof: possible parents need none.
        accept: who may be the best. `proof`: from the start on, a child replaces the best so far where a sign-flip
            test on dev, paired by instance, says that it is better. `mean` is the original: the highest mean.
        error_rate: of `proof`: chance that a child that is no better than the best so far replaces it, at most, for
            each child by itself.
        futility: of `gate=test`.
        attempts: rounds without any usable proposal before the search gives up.

    Source: "GEPA: Reflective Prompt Evolution Can Outperform Reinforcement Learning", arXiv:2507.19457, algorithms
    1 to 4, and the authors' code for merging.
    """

    name = "gepa"

    def __init__(
        self,
        proposer: Proposer,
        *,
        minibatch: int = 3,
        merge: bool = False,
        merges: int = 5,
        gate: Literal["test", "sum"] = "test",
        accept: Literal["proof", "mean"] = "proof",
        error_rate: float = 0.05,
        futility: float = 0.25,
        attempts: int = 3,
    ) -> None:
        require_positive(minibatch=minibatch, merges=merges, attempts=attempts)
        require_positive(error_rate=error_rate, futility=futility)
        if gate not in ("test", "sum"):
            raise UsageError(f"`gate` is {gate!r}; expected test or sum")
        if accept not in ("proof", "mean"):
            raise UsageError(f"`accept` is {accept!r}; expected proof or mean")
        self.proposer = proposer
        self.minibatch = minibatch
        self.merge = merge
        self.merges = merges
        self.gate = gate
        self.accept = accept
        self.error_rate = error_rate
        self.futility = futility
        self.attempts = attempts

    @property
    def acceptance(self) -> str:
        """By which rule a candidate becomes the best."""
        if self.accept == "mean":
            return "the highest mean on dev"
        rate = f"of candidates that are no better, each passes with a chance of at most {self.error_rate:.2g}"
        return f"better than the best so far by a sign-flip test on dev, paired by instance; {rate}"

    def best(self, context: Context) -> Candidate:
        """The last to be accepted, or the highest mean on dev, by `accept`; the newest where nothing has a score."""
        archive, dev = context.archive, context.compared
        has_scores = archive.mean(0, dev) is not None
        if self.accept == "mean" or not has_scores:
            return super().best(context)
        best = archive.candidates[0]
        for candidate in archive.candidates[1:]:
            before, after = archive.scores(best.id, dev), archive.scores(candidate.id, dev)
            if len(after) == len(dev) and proves_better(before, after, error_rate=self.error_rate):
                best = candidate
        return best

    def ask(self, context: Context, n: int) -> list[Trial]:
        """More of dev for a child under test, else a merge, else a child of the front on the next minibatch."""
        archive, dev = context.archive, context.compared
        if waiting := unmeasured(context, archive.candidates[:1], dev):
            return waiting
        for child in archive.candidates[1:]:
            if trials := self._next_test(context, child):
                return trials
        if reaches_target(context, best_by_mean(context), dev):
            return []
        front = self._front(context)
        if self.merge and (merged := self._merged(context, front)):
            return [Trial(candidate=merged, instances=_batch_of(merged))]
        return self._mutated(context, front)

    def _front(self, context: Context) -> dict[int, int]:
        """How many dev instances each of the front leads, by candidate; the best alone where nothing has a score."""
        archive, dev = context.archive, context.compared
        pool = [c.id for c in archive.candidates if archive.is_measured(c.id, dev)]
        leads = instance_leads([archive.scores(c, dev) for c in pool])
        return {pool[place]: count for place, count in leads.items() if count} or {best_by_mean(context).id: 1}

    def _next_test(self, context: Context, child: Candidate) -> list[Trial]:
        """What of the child is to be measured next; nothing once it is in the pool or given up."""
        archive, dev, batch = context.archive, context.compared, _batch_of(child)
        if not archive.is_measured(child.id, batch):
            return [Trial(candidate=child, instances=batch)]
        if archive.is_measured(child.id, dev) or not self._is_promising(context, child, batch):
            return []
        if self.gate == "sum" or len(child.parents) > 1:
            return [Trial(candidate=child, instances=dev)]
        order = list(dev)
        Random(f"gate:{context.seed}").shuffle(order)
        test = SequentialTest(error_rate=0.0, futility=self.futility)
        parent = child.parents[0]
        for count in test.looks(len(order)):
            part = tuple(order[:count])
            if not archive.is_measured(child.id, part):
                return [Trial(candidate=child, instances=part)]
            before, after = archive.scores(parent, part), archive.scores(child.id, part)
            both = [i for i in part if i in before and i in after]
            if (
                both
                and test.verdict([before[i] for i in both], [after[i] for i in both], total=len(order)) != "undecided"
            ):
                return []
        return []

    def _is_promising(self, context: Context, child: Candidate, batch: Sequence[str]) -> bool:
        """Better than its parent on the minibatch; of a merge, as good as the better parent. True without scores."""
        own = context.archive.mean(child.id, batch)
        of_parents = [context.archive.mean(p, batch) for p in child.parents]
        known = [mean for mean in of_parents if mean is not None]
        if own is None or not known:
            return not known
        return own >= max(known) if len(child.parents) > 1 else own > max(known)

    def _mutated(self, context: Context, front: dict[int, int]) -> list[Trial]:
        archive = context.archive
        for _ in range(self.attempts):
            rng = Random(f"parents:{context.seed}:{attempts_made(context)}")
            parent = archive.candidates[rng.choices(list(front), weights=list(front.values()))[0]]
            batch = self._next_batch(context, parent)
            if batch is None:
                return []
            if shown := unmeasured(context, [parent], batch):
                return shown
            if children := children_of(context, self.proposer, parent, batch, {"minibatch": list(batch)}):
                return [Trial(candidate=child, instances=batch) for child in children]
        return []

    def _next_batch(self, context: Context, parent: Candidate) -> tuple[str, ...] | None:
        """The minibatch of this round; `None` where the parent reaches the target on all of them."""
        first = attempts_made(context)
        per_pass = -(-len(context.instances["train"]) // self.minibatch)
        batches = (minibatch(context, first + skipped, self.minibatch) for skipped in range(2 * per_pass))
        return next((batch for batch in batches if not reaches_target(context, parent, batch)), None)

    def _merged(self, context: Context, front: dict[int, int]) -> Candidate | None:
        """A child of two of the front that has not been tried; one for every child that has reached the pool."""
        archive, dev = context.archive, context.compared
        tried = sum(len(c.parents) > 1 for c in archive.candidates)
        grown = sum(len(c.parents) == 1 and archive.is_measured(c.id, dev) for c in archive.candidates)
        if tried >= min(self.merges, grown):
            return None
        pairs = list(combinations(sorted(front), 2))
        Random(f"merges:{context.seed}:{tried}").shuffle(pairs)
        for first, second in pairs:
            values = merged_values(archive, first, second, dev)
            if values is not None:
                rng = Random(f"merge:{context.seed}:{first}:{second}")
                notes = {"minibatch": _contested(archive, (first, second), dev, rng)}
                child = archive.candidate(values, parents=(first, second), origin="merge", notes=notes)
                if child.id == len(archive.candidates):
                    return child
        return None


def merged_values(archive: Archive, first: int, second: int, instances: Sequence[str]) -> dict[str, Any] | None:
    """What two candidates make together, from the newest candidate that both descend from.

    `None` where one descends from the other, where there is no common ancestor that is no better than either, or where
    they changed the same parameters.
    """
    lines = (set(_ancestors(archive, first)), set(_ancestors(archive, second)))
    if first in lines[1] or second in lines[0] or not lines[0] & lines[1]:
        return None
    ancestor = max(lines[0] & lines[1])
    scores = [archive.mean(c, instances) for c in (ancestor, first, second)]
    if any(s is None for s in scores) or scores[0] > min(scores[1:]):  # type: ignore[type-var, operator]  # none is None
        return None
    base, one, other = (archive.candidates[c].values for c in (ancestor, first, second))
    better = one if scores[1] >= scores[2] else other  # type: ignore[operator]  # none is None
    changed = [{name for name in base if values[name] != base[name]} for values in (one, other)]
    if changed[0] == changed[1]:
        return None
    return {
        name: better[name] if name in changed[0] & changed[1] else one[name] if name in changed[0] else other[name]
        for name in base
    }


def _ancestors(archive: Archive, candidate: int) -> Iterator[int]:
    waiting, seen = list(archive.candidates[candidate].parents), set[int]()
    while waiting:
        parent = waiting.pop()
        if parent not in seen:
            seen.add(parent)
            yield parent
            waiting += archive.candidates[parent].parents


def _contested(archive: Archive, pair: tuple[int, int], instances: Sequence[str], rng: Random) -> list[str]:
    """Five instances to test a merge on: as far as there are, equally many that each parent wins, and ties."""
    first, second = (archive.scores(c, instances) for c in pair)
    drawn = rng.sample(list(instances), len(instances))
    kinds: list[list[str]] = [[], [], []]
    for instance in drawn:
        a, b = first.get(instance, 0.0), second.get(instance, 0.0)
        kinds[0 if a > b else 1 if b > a else 2].append(instance)
    ordered = [i for turn in range(len(drawn)) for kind in kinds for i in kind[turn : turn + 1]]
    return ordered[:5]


def _batch_of(candidate: Candidate) -> tuple[str, ...]:
    """The instances on which the candidate is tested first."""
    return tuple(candidate.notes.get("minibatch", ()))
