"""What every plug-in keeps to, as test classes to inherit: `class TestMine(OptimizerContract): …`.

Run by pytest, which is not imported here. Nothing is timed; work is counted in calls.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from agentopt.budget import Budget
from agentopt.candidate import Archive, Candidate, Evaluation, Refusal, Trial
from agentopt.canonical import digest
from agentopt.events import CandidateAdded, Evaluated, Event, RunFinished
from agentopt.feedback import Feedback
from agentopt.graph.node import node
from agentopt.graph.subgraph import propagate
from agentopt.llm.base import LLM
from agentopt.loop import optimize
from agentopt.optimizers.base import Optimizer
from agentopt.optimizers.named import make_optimizer, make_proposer
from agentopt.proposers.base import Context, Proposer, settings_of
from agentopt.testing.llms import GarbageLLM, MutatorLLM
from agentopt.testing.worlds import mixed_settings


class OptimizerContract:
    """What an optimizer keeps to. A subclass says how to make it.

    Attributes:
        optimizer: a spec, as `optimize` takes it; `make` may be overridden instead.
        proposer: used by an optimizer that takes one.
    """

    optimizer: Any = None
    proposer: Any = "optoprime"

    def make(self) -> Optimizer:
        """A new optimizer, with no part shared with another."""
        return make_optimizer(self.optimizer, self.proposer)

    def model(self) -> LLM:
        """The optimizer's model; not asked by those that need none."""
        return MutatorLLM()

    def events(self, optimizer: Optimizer | None = None, **settings: Any) -> list[Event]:
        """Everything that happens in a short run on a number, an integer, a choice and a prompt."""
        found: list[Event] = []
        chosen: dict[str, Any] = {"budget": Budget(evaluations=30, asks=30), "llm": self.model()}
        optimize(optimizer=optimizer or self.make(), on_event=found.append, **(mixed_settings() | chosen | settings))
        return found

    def test_the_budget_is_exact(self) -> None:
        for limit in (1, 13, 25):
            found = self.events(budget=Budget(evaluations=limit, asks=200))
            assert len(_measured(found)) <= limit
            if "evaluations" in _reason(found):
                assert _spent(found)["evaluations"] == limit

    def test_asks_are_limited_too(self) -> None:
        for limit in (1, 7):
            assert _spent(self.events(budget=Budget(asks=limit)))["asks"] <= limit

    def test_the_same_seed_gives_the_same_trajectory(self) -> None:
        assert _trajectory(self.events(seed=3)) == _trajectory(self.events(seed=3))

    def test_an_archive_rebuilt_between_asks_gives_the_same_trajectory(self) -> None:
        assert _trajectory(self.events(_Forgetful(self.make))) == _trajectory(self.events())

    def test_a_model_that_answers_garbage_half_the_time_ends_nothing(self) -> None:
        found = self.events(llm=GarbageLLM(self.model()))
        assert isinstance(found[-1], RunFinished)
        assert found[-1].error is None or found[-1].error == ""

    def test_a_model_that_answers_only_garbage_ends_the_search_for_a_reason(self) -> None:
        assert _reason(self.events(llm=GarbageLLM(self.model(), share=1.0)))

    def test_no_pair_is_measured_twice(self) -> None:
        measured = _measured(self.events())
        assert len(set(measured)) == len(measured)

    def test_no_candidate_is_there_twice(self) -> None:
        values = [digest(e.values) for e in self.events() if isinstance(e, CandidateAdded)]
        assert len(set(values)) == len(values)

    def test_one_train_instance_is_enough(self) -> None:
        found = self.events(**_task(mixed_settings(train=1, dev=0)))
        assert _spent(found)["evaluations"] >= 1

    def test_candidates_that_all_fail_leave_the_start(self) -> None:
        assert _best(self.events(**_task(mixed_settings(fails=True)))) == 0

    def test_feedback_without_a_score_ends_nothing(self) -> None:
        assert _reason(self.events(**_task(mixed_settings(has_scores=False))))

    def test_further_objectives_reach_the_result(self) -> None:
        finished = self.events()[-1]
        assert isinstance(finished, RunFinished)
        assert finished.result is not None
        assert "brevity" in finished.result["rates"]

    def test_the_best_was_measured(self) -> None:
        found = self.events()
        assert _best(found) in {e.candidate for e in found if isinstance(e, Evaluated)}

    def test_a_target_already_reached_stops_the_search(self) -> None:
        assert len({c for c, _ in _measured(self.events(target=-100.0))}) == 1

    def test_nothing_but_settings_is_kept(self) -> None:
        optimizer = self.make()
        before = digest(settings_of(optimizer))
        self.events(optimizer)
        assert digest(settings_of(optimizer)) == before

    def test_an_ask_over_four_times_the_candidates_takes_little_more_than_four_times_the_work(self) -> None:
        few, many = (self._work(count) for count in (100, 400))
        assert many <= 6 * few + 20_000, f"{few} calls over 100 candidates, {many} over 400"

    def _work(self, count: int) -> int:
        """Python calls in one ask and one look for the best, over so many measured candidates."""
        asked: list[int] = []

        class Counting:
            needs = self.make().needs

            def ask(inner, context: Context, n: int) -> list[Trial]:
                if asked:
                    return []
                crowd = _crowded(context, count)
                optimizer = self.make()
                asked.append(_calls(lambda: (optimizer.ask(crowd, n), optimizer.best(crowd))))
                return []

            def best(inner, context: Context) -> Candidate:
                return context.archive.candidates[0]

        self.events(Counting())
        return asked[0]


class ProposerContract:
    """What a proposer keeps to.

    Attributes:
        proposer: a spec, as `optimize` takes it; `make` may be overridden instead.
    """

    proposer: Any = None

    def make(self) -> Proposer:
        """A new proposer."""
        return make_proposer(self.proposer)

    def proposals(self, model: LLM | None = None, **settings: Any) -> list[Mapping[str, Any]]:
        """The changes it proposes for the start of the mixed world, in three asks."""
        found: list[Mapping[str, Any]] = []
        proposer = self.make()

        class Once:
            needs = proposer.needs

            def ask(self, context: Context, n: int) -> list[Trial]:
                start, train = context.archive.candidates[0], context.instances["train"]
                if not context.archive.is_measured(start.id, train):
                    return [Trial(candidate=start, instances=train)]
                evidence = context.archive.evidence(start.id, train)
                for _ in range(3):
                    for proposal in proposer.propose(context, [start], evidence):
                        assert context.space.checked(proposal.changes) == dict(proposal.changes)
                        found.append(proposal.changes)
                return []

            def best(self, context: Context) -> Candidate:
                return context.archive.candidates[0]

        chosen = {"llm": model or MutatorLLM(), "budget": Budget(asks=9)}
        optimize(optimizer=Once(), **(mixed_settings() | chosen | settings))
        return found

    def test_it_proposes_something(self) -> None:
        assert self.proposals()

    def test_the_same_seed_gives_the_same_proposals(self) -> None:
        assert self.proposals() == self.proposals()

    def test_a_model_that_answers_only_garbage_gives_no_error(self) -> None:
        self.proposals(GarbageLLM(MutatorLLM(), share=1.0))

    def test_feedback_without_a_score_gives_no_error(self) -> None:
        self.proposals(**_task(mixed_settings(has_scores=False)))

    def test_a_workflow_that_fails_gives_no_error(self) -> None:
        self.proposals(**_task(mixed_settings(fails=True)))

    def test_one_instance_gives_no_error(self) -> None:
        self.proposals(**_task(mixed_settings(train=1, dev=0)))

    def test_nothing_but_settings_is_kept(self) -> None:
        proposer = self.make()
        before = digest(settings_of(proposer))
        self.make = lambda: proposer  # type: ignore[method-assign]  # the same one, to look at afterwards
        self.proposals()
        assert digest(settings_of(proposer)) == before


class SelectionContract:
    """What a choice among rows of scores keeps to; a subclass writes `choose`."""

    def choose(self, scores: Sequence[Sequence[float]]) -> list[int]:
        """Places of the chosen rows."""
        raise NotImplementedError

    def _matrix(self, seed: int) -> list[list[float]]:
        rng = Random(seed)
        return [[float(rng.random() < 0.5) for _ in range(6)] for _ in range(rng.randint(1, 9))]

    def test_what_is_chosen_is_there_and_chosen_once(self) -> None:
        for seed in range(40):
            scores = self._matrix(seed)
            chosen = self.choose(scores)
            assert len(set(chosen)) == len(chosen) > 0
            assert set(chosen) <= set(range(len(scores)))

    def test_the_only_row_is_chosen(self) -> None:
        assert self.choose([[0.5, 0.25]]) == [0]

    def test_the_same_scores_give_the_same_choice(self) -> None:
        for seed in range(20):
            assert self.choose(self._matrix(seed)) == self.choose(self._matrix(seed))

    def test_a_row_that_is_best_everywhere_is_chosen(self) -> None:
        for seed in range(20):
            scores = [*self._matrix(seed), [1.0] * 6]
            assert [1.0] * 6 in [scores[place] for place in self.choose(scores)]

    def test_failures_give_no_error(self) -> None:
        assert self.choose([[float("-inf")] * 3, [0.0] * 3])


class _Forgetful:
    """Another optimizer, made anew for every ask, on a copy of the archive: as after a stop and a resume."""

    name = "forgetful"

    def __init__(self, make: Callable[[], Optimizer]) -> None:
        self._make = make
        self.needs = make().needs

    def ask(self, context: Context, n: int) -> list[Trial]:
        return self._make().ask(_rebuilt(context), n)

    def best(self, context: Context) -> Candidate:
        return self._make().best(_rebuilt(context))


def _rebuilt(context: Context) -> Context:
    archive = Archive()
    for candidate in context.archive.candidates:
        archive.add(candidate)
        for evaluation in context.archive.evaluations(candidate.id):
            archive.record(evaluation)
    archive.refusals.extend(context.archive.refusals)

    def refuse(refusal: Refusal) -> None:
        archive.refusals.append(refusal)
        context.refuse(refusal)

    return replace(context, archive=archive, refuse=refuse)


def _crowded(context: Context, count: int) -> Context:
    """The context with an archive of so many candidates, measured everywhere."""
    archive, rng, start = Archive(), Random(count), context.archive.candidates[0]
    evidence = propagate(node(0.0, name="output"), Feedback(0.0, "so"))
    for number in range(count):
        values = {**start.values, "amount": number / count} if number else start.values
        parents = [rng.randrange(number)] if number else []
        candidate = archive.add(archive.candidate(values, parents=parents, origin="crowd"))
        for split, instances in context.instances.items():
            for instance in instances:
                evaluation = Evaluation(
                    candidate=candidate.id,
                    instance=instance,
                    split=split,
                    status="ok",
                    score=rng.random(),
                    feedback=Feedback(0.0, "so"),
                    evidence=replace(evidence, instance=instance),
                )
                archive.record(evaluation)
    return replace(context, archive=archive)


def _calls(work: Callable[[], object]) -> int:
    """How many Python functions were called."""
    count = 0

    def on_event(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(on_event)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def _task(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: settings[key] for key in ("workflow", "parameters", "feedback", "examples")}


def _measured(events: Sequence[Event]) -> list[tuple[int, str]]:
    return [(e.candidate, e.instance) for e in events if isinstance(e, Evaluated)]


def _trajectory(events: Sequence[Event]) -> list[tuple[Any, ...]]:
    added = [(digest(e.values), tuple(e.parents)) for e in events if isinstance(e, CandidateAdded)]
    return [*added, *sorted(_measured(events)), (_best(events),)]


def _finished(events: Sequence[Event]) -> RunFinished:
    last = events[-1]
    assert isinstance(last, RunFinished)
    return last


def _reason(events: Sequence[Event]) -> str:
    return _finished(events).reason


def _spent(events: Sequence[Event]) -> dict[str, float]:
    result = _finished(events).result
    assert result is not None
    return {"evaluations": 0.0, "asks": 0.0, **result["spent"]}


def _best(events: Sequence[Event]) -> int:
    result = _finished(events).result
    assert result is not None
    return int(result["best"]["id"])
