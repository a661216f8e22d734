"""Greedy keeps what is better on dev, spends nothing on what it knows, and stops for a reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

import agentopt as ao
from agentopt.budget import Budget
from agentopt.candidate import Candidate
from agentopt.errors import LLMError, UsageError
from agentopt.events import CandidateAdded, Evaluated, Event, ProposalRefused, RunFinished
from agentopt.graph.subgraph import Evidence
from agentopt.llm.base import LLM, Capability
from agentopt.llm.scripted import Scripted, ScriptedLLM
from agentopt.optimizers.greedy import Greedy
from agentopt.proposal import Proposal
from agentopt.proposers.base import Context
from agentopt.result import Result


class Recited:
    """A proposer that proposes the given letters, one after the other, then nothing."""

    name = "recited"
    needs: frozenset[Capability | str] = frozenset()

    def __init__(self, letters: str, *, at_a_time: int = 1) -> None:
        self.letters = letters
        self.at_a_time = at_a_time

    def propose(self, context: Context, parents: Sequence[Candidate], evidence: Sequence[Evidence]) -> list[Proposal]:
        said = len(context.archive.candidates) + len(context.archive.refusals) - 1
        letters = self.letters[said : said + self.at_a_time]
        return [Proposal(changes={"letter": letter}, origin="recited") for letter in letters]


class Search:
    """A finished search over letters, with every event."""

    def __init__(
        self,
        letters: str,
        examples: Sequence[Mapping[str, Any]],
        *,
        at_a_time: int = 1,
        target: float | None = None,
        budget: Budget = Budget(asks=30),
        workers: int = 8,
        **settings: Any,
    ) -> None:
        self.letter = ao.Parameter("a", name="letter")
        self.events: list[Event] = []

        def workflow() -> Any:
            return self.letter

        self.result: Result = ao.optimize(
            workflow,
            parameters=self.letter,
            examples=examples,
            feedback=lambda letter, example: example["scores"][letter],
            optimizer=Greedy(Recited(letters, at_a_time=at_a_time), **settings),
            target=target,
            budget=budget,
            workers=workers,
            out=None,
            on_event=self.events.append,
        )

    @property
    def best(self) -> str:
        return str(self.result.values["letter"])

    @property
    def tried(self) -> list[str]:
        return [str(e.values["letter"]) for e in self.events if isinstance(e, CandidateAdded)]

    @property
    def measured(self) -> Counter[tuple[str, str]]:
        tried = self.tried
        return Counter((tried[e.candidate], e.instance) for e in self.events if isinstance(e, Evaluated))

    @property
    def refused(self) -> list[str]:
        return [e.problem for e in self.events if isinstance(e, ProposalRefused)]


def example(identity: str, split: str, **scores: float | str) -> dict[str, Any]:
    return {"id": identity, "split": split, "scores": scores}


def test_child_equal_to_the_best_is_not_kept() -> None:
    found = Search("b", [example("t", "train", a=0, b=0), example("d", "dev", a=0, b=0)])
    assert found.best == "a"


def test_child_equal_to_the_best_on_the_minibatch_is_not_measured_on_dev() -> None:
    found = Search("b", [example("t", "train", a=0, b=0), example("d", "dev", a=0, b=9)])
    assert ("b", "d") not in found.measured


def test_child_better_on_the_minibatch_and_equal_on_dev_is_not_best() -> None:
    found = Search("b", [example("t", "train", a=0, b=1), example("d", "dev", a=0, b=0)])
    assert found.measured[("b", "d")] == 1
    assert found.best == "a"


def test_child_better_on_the_minibatch_and_worse_on_dev_is_not_best() -> None:
    found = Search("b", [example("t", "train", a=0, b=1), example("d", "dev", a=0, b=-1)])
    assert found.best == "a"


def test_child_better_on_both_is_best() -> None:
    found = Search("b", [example("t", "train", a=0, b=1), example("d", "dev", a=0, b=1)])
    assert (found.best, found.result.dev_start, found.result.dev_best) == ("b", 0, 1)


def test_children_are_made_from_the_best_so_far() -> None:
    found = Search("bcd", [example("t", "train", a=0, b=1, c=0.5, d=2)])
    parents = [e.parents for e in found.events if isinstance(e, CandidateAdded)]
    assert parents == [[], [0], [1], [1]]
    assert found.best == "d"


def test_the_target_stops_the_search() -> None:
    found = Search("bc", [example("t", "train", a=0, b=1, c=2)], target=1)
    assert found.tried == ["a", "b"]
    assert found.result.reason == "the target is reached"


def test_a_start_at_the_target_is_measured_and_nothing_proposed() -> None:
    found = Search("b", [example("t", "train", a=1, b=2)], target=1)
    assert found.tried == ["a"]
    assert found.result.reason == "the target is reached"


def test_minibatches_on_which_the_best_reaches_the_target_are_passed_over() -> None:
    easy = [example(f"easy{n}", "train", a=1, b=1) for n in range(3)]
    found = Search(
        "b", [*easy, example("hard", "train", a=0, b=1), example("d", "dev", a=0, b=1)], minibatch=1, target=1
    )
    assert {i for letter, i in found.measured if letter == "b"} <= {"hard", "d", "easy0", "easy1", "easy2"}
    assert found.best == "b"


def test_nothing_usable_stops_the_search_with_a_reason() -> None:
    found = Search("", [example("t", "train", a=0)])
    assert found.result.reason == "the optimizer is done"
    finished = found.events[-1]
    assert isinstance(finished, RunFinished)
    assert finished.reason == found.result.reason


def test_the_proposer_is_asked_attempts_times_before_the_search_gives_up() -> None:
    found = Search("aaaaaa", [example("t", "train", a=0)], attempts=4)
    assert len(found.refused) == 4


def test_duplicates_cost_no_measurement() -> None:
    found = Search("aab", [example("t", "train", a=0, b=1)])
    assert found.measured == {("a", "t"): 1, ("b", "t"): 1}
    assert found.best == "b"


def test_duplicates_are_refused_in_words() -> None:
    found = Search("bcb", [example("t", "train", a=0, b=-1, c=-1)], attempts=1)
    assert found.refused == ["these values were tried before: {'letter': 'b'}"]


def test_equal_children_of_one_round_are_measured_once() -> None:
    found = Search("bb", [example("t", "train", a=0, b=1)], at_a_time=2)
    assert found.tried == ["a", "b"]
    assert found.measured[("b", "t")] == 1


def test_several_children_of_one_round_are_all_measured() -> None:
    found = Search("bcd", [example("t", "train", a=0, b=1, c=3, d=2)], at_a_time=3)
    assert found.best == "c"
    assert set(found.tried) == set("abcd")


def test_children_of_one_round_do_not_depend_on_the_number_of_workers() -> None:
    examples = [example("t", "train", a=0, b=1, c=2, d=3)]
    found = [Search("bcd", examples, at_a_time=3, workers=workers) for workers in (8, 2)]
    parents = [[e.parents for e in f.events if isinstance(e, CandidateAdded)] for f in found]
    assert parents[0] == parents[1] == [[], [0], [0], [0]]


def test_a_minibatch_larger_than_train_is_all_of_train() -> None:
    found = Search("b", [example(f"t{n}", "train", a=0, b=1) for n in range(3)], minibatch=50)
    assert {i for letter, i in found.measured if letter == "b"} == {"t0", "t1", "t2"}


def test_a_minibatch_is_no_larger_than_asked() -> None:
    examples = [example(f"t{n}", "train", a=0, b=-1) for n in range(9)]
    found = Search("b", [*examples, example("d", "dev", a=0, b=0)], minibatch=4)
    assert sum(letter == "b" for letter, _ in found.measured) in (4, 1)  # nine are dealt as 4, 4 and 1


def test_one_train_instance_without_dev_serves_as_both() -> None:
    found = Search("b", [example("t", "train", a=0, b=1)])
    assert found.measured == {("a", "t"): 1, ("b", "t"): 1}
    assert found.result.dev_best == 1


def test_with_text_feedback_only_the_newest_is_best() -> None:
    found = Search("bc", [example("t", "train", a="so", b="better", c="best")])
    assert found.best == "c"
    assert found.result.dev_best is None


def test_with_text_feedback_only_every_child_is_measured_on_dev() -> None:
    found = Search("b", [example("t", "train", a="so", b="x"), example("d", "dev", a="so", b="x")])
    assert found.measured[("b", "d")] == 1


def test_of_candidates_that_all_fail_the_start_is_best() -> None:
    inf = float("-inf")
    found = Search("bc", [example("t", "train", a=inf, b=inf, c=inf)])
    assert found.best == "a"
    assert found.result.dev_best == inf


def test_a_child_that_works_is_better_than_a_start_that_fails() -> None:
    found = Search("b", [example("t", "train", a=float("-inf"), b=-100.0)])
    assert found.best == "b"


def test_of_equal_candidates_the_earlier_is_best() -> None:
    found = Search("bc", [example("t", "train", a=0, b=1, c=1)])
    assert found.best == "b"


def test_a_child_is_made_of_train_evidence_only() -> None:
    seen: list[str] = []

    class Curious(Recited):
        def propose(
            self, context: Context, parents: Sequence[Candidate], evidence: Sequence[Evidence]
        ) -> list[Proposal]:
            seen.extend(e.instance for e in evidence)
            return super().propose(context, parents, evidence)

    examples = [
        example("t", "train", a=0, b=1),
        example("d", "dev", a=0, b=1),
        example("final", "test", a=0, b=1),
    ]
    letter = ao.Parameter("a", name="letter")

    def workflow() -> Any:
        return letter

    ao.optimize(
        workflow,
        parameters=letter,
        examples=examples,
        feedback=lambda out, e: e["scores"][out],
        optimizer=Greedy(Curious("b")),
        out=None,
    )
    assert set(seen) == {"t"}


def test_asks_end_a_search_that_repeats_itself() -> None:
    found = Search("bcdefg", [example("t", "train", **dict.fromkeys("abcdefg", 0.0))], budget=Budget(asks=3))
    assert len(found.tried) == 3  # the start, and two children
    assert "asks" in found.result.reason


def test_a_minibatch_of_none_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="minibatch"):
        Search("b", [example("t", "train", a=0, b=1)], minibatch=0)


def test_a_child_for_which_no_model_answered_is_measured_again() -> None:
    letter = ao.Parameter("a", name="letter")

    @ao.bundle
    def answered(letter: str, llm: LLM) -> float:
        return float(ao.ask(llm, letter))

    def workflow(llm: LLM) -> Any:
        return answered(letter, llm)  # type: ignore[arg-type]  # a parameter stands for its value

    replies: list[Scripted] = ["0", LLMError("asleep for a moment"), *["1"] * 9]
    result = ao.optimize(
        workflow,
        parameters=letter,
        optimizer=Greedy(Recited("bbbb")),
        workflow_llm=ScriptedLLM(replies),
        budget=Budget(asks=9),
        out=None,
    )
    assert result.values == {"letter": "b"}
