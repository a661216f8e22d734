"""The PyTorch-like loop: `zero_feedback()`, run, `backward()`, `step()`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from agentopt.budget import Budget, Ledger
from agentopt.candidate import Archive, Candidate, Evaluation
from agentopt.errors import UsageError
from agentopt.events import RunStarted
from agentopt.graph.parameters import named
from agentopt.graph.subgraph import Evidence, backward
from agentopt.instance import Split
from agentopt.journal import Journal
from agentopt.llm.base import LLM
from agentopt.llm.price import known_prices
from agentopt.loop import open_model
from agentopt.proposers.base import Context
from agentopt.proposers.optoprime import OptoPrimeProposer
from agentopt.settings import new_run_id
from agentopt.space import Space
from agentopt.task import DEFAULT_OBJECTIVE


@dataclass(frozen=True)
class Step:
    """What one step did.

    Args:
        changes: the parameters that were changed, and their values since; empty where the model would leave all
            as it is, and where its proposals could not be used.
        reasoning: the model's words.
        problem: why its proposals could not be used; empty where one was.
    """

    changes: dict[str, Any] = field(default_factory=dict)
    reasoning: str = ""
    problem: str = ""


class OptoPrime:
    """OptoPrime (arXiv:2406.16218) over parameters that are changed in place, step by step.

    Args:
        parameters: a module, a parameter or trainable bundle, or a list or dict of these.
        llm: a specification such as `"openai:gpt-5-mini"`, or an `LLM`.
        objective: what is to be achieved, in words.
        proposer: how the model is asked.
        budget: limits of all steps together.
        out: folder of a record of all exchanges, `agentopt.sqlite` in it; `None` keeps none.
        seed: of the waits between attempts to reach the model.
    """

    def __init__(
        self,
        parameters: object,
        *,
        llm: str | LLM,
        objective: str = DEFAULT_OBJECTIVE,
        proposer: OptoPrimeProposer | None = None,
        budget: Budget = Budget(),
        out: str | Path | None = None,
        seed: int = 0,
    ) -> None:
        self.space = Space(named(parameters))
        self.run = new_run_id()
        self.seed = seed
        self.objective = objective
        self.proposer = proposer or OptoPrimeProposer()
        self.ledger = Ledger(budget)
        self._journal = Journal(self.run, Archive(), self.ledger, out)
        model = open_model(llm, "optimizer")
        self._llm = self._journal.metered(model, seed)
        self._journal.emit(self._header(model))

    def zero_feedback(self) -> None:
        """Forgets the feedback that the parameters have gathered."""
        for parameter in self.space.parameters.values():
            parameter.zero_feedback()

    def backward(self, output: Any, feedback: object) -> None:
        """Propagates feedback on `output` to the parameters; several outputs before a step are a minibatch."""
        backward(output, feedback)

    def step(self) -> Step:
        """Asks the model once for better values and applies them, all or none.

        Raises:
            UsageError: no parameter has feedback.
            BudgetExhausted: no model call is left.
        """
        gathered = [e for p in self.space.parameters.values() for e in p.evidence]
        evidence = list({id(e): e for e in gathered}.values())
        if not evidence:
            raise UsageError("no parameter has feedback; call `backward(output, feedback)` before `step()`")
        parent = self._present(evidence)
        proposals = self.proposer.propose(self._context(), [parent], evidence)
        if not proposals:
            return Step(problem=self._journal.archive.refusals[-1].problem)
        self.space.set(proposals[0].changes)
        return Step(changes=dict(proposals[0].changes), reasoning=proposals[0].reasoning)

    def close(self) -> None:
        """Ends the record, if one is kept; `with OptoPrime(…) as optimizer:` does it too."""
        self._journal.close("the loop closed it")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _present(self, evidence: Sequence[Evidence]) -> Candidate:
        """The present values as a candidate, with the mean score of what was said about them."""
        archive = self._journal.archive
        parents = [archive.candidates[-1].id] if archive.candidates else []
        present = archive.candidate(self.space.values(), parents=parents, origin=self.proposer.name)
        candidate = self._journal.add(present)
        scores = [e.feedback.score for e in evidence if e.feedback.score is not None]
        evaluation = Evaluation(
            candidate=candidate.id,
            instance=evidence[0].instance,
            split="train",
            status="ok",
            score=sum(scores) / len(scores) if scores else None,
            feedback=evidence[-1].feedback,
        )
        self._journal.record(evaluation, evidence[-1].subgraph.output)
        return candidate

    def _context(self) -> Context:
        instances: dict[Split, tuple[str, ...]] = {"train": ("",), "dev": ()}
        return self._journal.context(self.space, self.objective, instances, self._llm, seed=self.seed)

    def _header(self, model: LLM) -> RunStarted:
        return RunStarted(
            run=self.run,
            task={"name": "handle", "objective": self.objective, "reference": {}},
            settings={"budget": self.ledger.budget.limits()},
            llm={"optimizer": model.name},
            prices=known_prices({"optimizer": model}),
            answered_by=model.answered_by,
            space=self.space.to_json(),
            instances={},
        )
