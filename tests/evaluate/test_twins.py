"""Evaluations taken from a twin: only where it behaves the same, free, said, checked now and then, lineage kept."""

from __future__ import annotations

import logging
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

import agentopt as ao
from agentopt.budget import Budget
from agentopt.candidate import Candidate, Trial
from agentopt.errors import UsageError
from agentopt.evaluate import twins
from agentopt.evaluate.twins import Reuse, Sameness, Twins
from agentopt.events import Evaluated
from agentopt.instance import Instance
from agentopt.space import Space
from tests.evaluate.conftest import Bench, MakeBench, instances

SAME_TEXT = "def rule(x: float) -> float:\n    # twice\n    return x * 2\n"
SAME_OUTPUTS = "def rule(x):\n    return x + x\n"
OTHER = "def rule(x):\n    return x + 1\n"

MakeCoded = Callable[..., Bench]


@pytest.fixture
def coded(bench: MakeBench) -> MakeCoded:
    """Makes a `Bench` whose only parameter is the code of a rule."""

    def make(
        by: Sameness = "source", *, verify_rate: float = 0.0, examples: list[Instance] | None = None, **settings: Any
    ) -> Bench:
        @ao.bundle(trainable=True)
        def rule(x: float) -> float:
            return x * 2

        parameters = {"rule": rule}
        made = bench(lambda x: rule(x), examples, parameters=parameters, **settings)
        space = made.engine.task.space
        object.__setattr__(made.engine, "twins", Twins(Reuse(by=by, verify_rate=verify_rate), space))
        made.measure()
        return made

    return make


def child(made: Bench, source: str, parent: int = 0) -> Candidate:
    """A candidate with this source, measured where the start was."""
    added = made.archive.add(made.archive.candidate({"rule": source}, parents=[parent], origin="test"))
    made.engine.measure([Trial(candidate=added, instances=tuple(made.engine.instances))], made.archive)
    return added


def taken(made: Bench, candidate: Candidate) -> list[int | None]:
    return [e.taken_from for e in made.archive.evaluations(candidate.id)]


def test_code_that_differs_in_a_comment_is_not_run_again(coded: MakeCoded) -> None:
    made = coded()
    twin = child(made, SAME_TEXT)
    assert taken(made, twin) == [0, 0, 0]
    assert made.archive.scores(twin.id, ["i0", "i1", "i2"]) == {"i0": 0.0, "i1": 2.0, "i2": 4.0}


def test_by_source_a_rewritten_sum_is_run(coded: MakeCoded) -> None:
    made = coded()
    assert taken(made, child(made, SAME_OUTPUTS)) == [None] * 3


def test_by_outputs_a_rewritten_sum_is_the_same(coded: MakeCoded) -> None:
    made = coded("outputs")
    assert taken(made, child(made, SAME_OUTPUTS)) == [0, 0, 0]


def test_by_outputs_another_result_is_run(coded: MakeCoded) -> None:
    made = coded("outputs")
    assert taken(made, child(made, OTHER)) == [None] * 3


def test_by_outputs_failures_are_alike_by_their_type(coded: MakeCoded) -> None:
    made = coded("outputs")
    first = child(made, "def rule(x):\n    raise ValueError('one')\n")
    assert taken(made, child(made, "def rule(x):\n    raise ValueError('other')\n")) == [first.id] * 3
    assert taken(made, child(made, "def rule(x):\n    raise KeyError('one')\n")) == [None] * 3


def test_off_takes_nothing(coded: MakeCoded) -> None:
    made = coded("off")
    assert taken(made, child(made, SAME_TEXT)) == [None] * 3


def test_a_taken_evaluation_costs_nothing_and_says_where_it_is_from(coded: MakeCoded) -> None:
    made = coded(budget=Budget(evaluations=3))
    child(made, SAME_TEXT)
    assert made.ledger.spent["evaluations"] == 3
    assert [(e.candidate, e.taken_from, dict(e.cost)) for e in made.said[3:]] == [(1, 0, {})] * 3


def test_the_twin_keeps_its_own_lineage(coded: MakeCoded) -> None:
    made = coded()
    other = child(made, OTHER)
    twin = child(made, SAME_TEXT, parent=other.id)
    assert twin.parents == (other.id,)
    assert twin.values["rule"] == SAME_TEXT
    assert made.archive.children(other.id) == [twin]


def test_twins_that_are_asked_for_together_are_measured_once(coded: MakeCoded) -> None:
    made = coded()
    sources = ["def rule(x):\n    return x - 1\n", "def rule(x):\n    return (x - 1)\n"]
    both = [made.archive.add(made.archive.candidate({"rule": s})) for s in sources]
    made.engine.measure([Trial(candidate=c, instances=("i0", "i1")) for c in both], made.archive)
    assert [taken(made, c) for c in both] == [[None, None], [both[0].id] * 2]


def test_test_instances_are_always_measured(coded: MakeCoded) -> None:
    made = coded(examples=[*instances(1), Instance(id="t", split="test", fields={"x": 5})])
    child(made, SAME_TEXT)
    assert {e.instance: e.taken_from for e in made.archive.evaluations(1)} == {"i0": 0, "t": None}


def test_with_rate_one_everything_is_measured(coded: MakeCoded) -> None:
    made = coded(verify_rate=1.0)
    assert taken(made, child(made, SAME_TEXT)) == [None] * 3


def test_a_collision_is_found_by_a_check_and_ends_the_taking(
    coded: MakeCoded, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(twins, "value_key", lambda parameter, value: "all alike")
    made = coded(verify_rate=0.3)
    with caplog.at_level(logging.WARNING):
        children = [child(made, f"def rule(x):\n    return x * 2 + {n}\n") for n in range(1, 20)]
    is_taken = [any(t is not None for t in taken(made, c)) for c in children]
    assert is_taken[0], "without a check the first would be taken, wrongly"
    assert not any(is_taken[10:])
    assert len([r for r in caplog.records if "nothing is taken from either" in r.message]) == 1


def test_the_event_says_where_an_evaluation_was_taken_from() -> None:
    events: list[Any] = []
    word = ao.Parameter("go", name="word")
    start = iter([" go", "go "])

    class Respell:
        name = "respell"
        needs: frozenset[str] = frozenset()

        def ask(self, context: Any, n: int) -> list[Trial]:
            archive = context.archive
            if not archive.is_measured(0, ["run"]):
                return [Trial(candidate=archive.candidates[0], instances=("run",))]
            return [
                Trial(candidate=archive.candidate({"word": text}, parents=[0]), instances=("run",)) for text in start
            ]

        def best(self, context: Any) -> Candidate:
            best: Candidate = context.archive.candidates[0]
            return best

    ao.optimize(
        lambda: word + "",
        feedback=lambda text: float(len(text)),
        parameters=word,
        optimizer=Respell(),
        reuse=Reuse(verify_rate=0),
        out=None,
        on_event=events.append,
    )
    assert [(e.candidate, e.taken_from) for e in events if isinstance(e, Evaluated)] == [(0, None), (1, 0), (2, 0)]


@pytest.mark.parametrize("wrong", [{"by": "luck"}, {"verify_rate": 1.5}, {"verify_rate": -0.1}])
def test_settings_that_cannot_be_are_usage_errors(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Reuse(**wrong)


def test_a_method_is_compared_by_its_source(bench: MakeBench) -> None:
    @ao.module
    class Doubler:
        def __init__(self) -> None:
            self.factor = 2

        @ao.bundle(trainable=True)
        def rule(self, x: float) -> float:
            return x * self.factor

    doubler = Doubler()
    made = bench(lambda x: doubler.rule(x), parameters=doubler)
    (name,) = made.engine.task.space.parameters
    object.__setattr__(made.engine, "twins", Twins(Reuse(by="outputs", verify_rate=0), made.engine.task.space))
    made.measure()
    source = "def rule(self, x):\n    return self.factor * x\n"
    added = made.archive.add(made.archive.candidate({name: source}))
    made.engine.measure([Trial(candidate=added, instances=("i1",))], made.archive)
    assert taken(made, added) == [None]


def evolved(made: Bench, rng: Random) -> tuple[float, int]:
    """Best score and number of runs of a small regularised evolution over products of two terms."""
    terms = ["x", "1", "2", "(x + 1)", "(1 + x)"]
    population = [made.start]
    for _ in range(25):
        parent = max(
            rng.sample(population, min(3, len(population))), key=lambda c: made.archive.mean(c.id, ["i1"]) or 0
        )
        source = f"def rule(x):\n    return {rng.choice(terms)} * {rng.choice(terms)}\n"
        made_child = child(made, source, parent.id)
        population = [*population, made_child][-8:]
    best = max(made.archive.mean(c.id, ["i0", "i1", "i2"]) or 0.0 for c in made.archive.candidates)
    runs = sum(e.taken_from is None for e in made.said)
    return best, runs


def test_evolution_reaches_the_same_best_with_fewer_runs(coded: MakeCoded) -> None:
    without = evolved(coded("off"), Random(3))
    with_reuse = evolved(coded("outputs"), Random(3))
    assert with_reuse[0] == without[0]
    assert with_reuse[1] < without[1]


def test_a_space_without_code_needs_no_sandbox() -> None:
    word = ao.Parameter("go", name="word")
    found = Twins(Reuse(by="outputs"), Space({"word": word}))
    assert found.find([], None, {}, None) == {}  # type: ignore[arg-type]  # nothing is touched
