"""OPRO: eight texts a step from the list of the best so far, all of them measured."""

from __future__ import annotations

from agentopt.candidate import Candidate, Trial
from agentopt.llm.base import Capability
from agentopt.optimizers.base import best_by_mean
from agentopt.optimizers.children import attempts_made, children_of, minibatch, reaches_target, unmeasured
from agentopt.optimizers.settings import require_positive
from agentopt.proposers.base import Context
from agentopt.proposers.opro import OPROProposer


class OPRO:
    """Asks for `candidates` better solutions at a time, and measures every new one on all of dev.

    Args:
        candidates: draws per step.
        shown: solutions shown with their scores, the best last.
        exemplars: train instances shown per step, drawn anew; 0 for none.
        temperature: of the model.
        attempts: steps without any usable proposal before the search gives up.

    Source: "Large Language Models as Optimizers", arXiv:2309.03409; see `proposers/opro.py`. There, solutions are
    scored on a share of train; here on dev, as by every optimizer: `halving` around it saves as much.
    """

    name = "opro"
    needs: frozenset[Capability | str] = OPROProposer.needs

    def __init__(
        self,
        *,
        candidates: int = 8,
        shown: int = 20,
        exemplars: int = 3,
        temperature: float | None = 1.0,
        attempts: int = 3,
    ) -> None:
        require_positive(candidates=candidates, shown=shown, attempts=attempts)
        self.candidates = candidates
        self.shown = shown
        self.exemplars = exemplars
        self.temperature = temperature
        self.attempts = attempts

    def best(self, context: Context) -> Candidate:
        """The candidate with the highest mean, the earlier one of equals."""
        return best_by_mean(context)

    def ask(self, context: Context, n: int) -> list[Trial]:
        """Dev of what was proposed, then the best on the exemplars, then new solutions."""
        archive, dev = context.archive, context.compared
        if waiting := unmeasured(context, archive.candidates, dev):
            return waiting
        best = self.best(context)
        if reaches_target(context, best, dev):
            return []
        proposer = OPROProposer(
            candidates=self.candidates, shown=self.shown, exemplars=self.exemplars, temperature=self.temperature
        )
        for _ in range(self.attempts):
            batch = minibatch(context, attempts_made(context), self.exemplars) if self.exemplars else ()
            if shown := unmeasured(context, [best], batch):
                return shown
            if children := children_of(context, proposer, best, batch, {}):
                return [Trial(candidate=child, instances=dev) for child in children]
        return []
