"""`optimize()`: one budget, one record, the same under a seed, and the workflow left alone."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

import agentopt as ao
from agentopt.budget import Budget
from agentopt.candidate import Candidate, Trial
from agentopt.canonical import canonical
from agentopt.errors import LLMError, MissingKey, UsageError
from agentopt.events import CandidateAdded, Evaluated, Event, Exchanged, ProposalRefused, RunFinished, RunStarted
from agentopt.graph.subgraph import Evidence
from agentopt.instance import as_instances
from agentopt.llm.base import LLM, Capability, Request
from agentopt.llm.scripted import ScriptedLLM
from agentopt.optimizers.greedy import Greedy
from agentopt.proposal import Proposal
from agentopt.proposers.base import Context
from agentopt.proposers.perturb import PerturbProposer
from agentopt.store.sqlite import Store
from agentopt.task import as_task

ROWS = [{"id": f"{split}{n}", "split": split, "x": n} for split in ("train", "dev", "test") for n in range(3)]


class Setup:
    """A workflow with one parameter that is best at 3, and everything its run said."""

    def __init__(self, start: float = 9.0) -> None:
        self.width = ao.Parameter(start, name="width", bounds=(0, 10))
        self.events: list[Event] = []

    def workflow(self, x: Any) -> Any:
        return 0 - (self.width - 3 - x / 10) ** 2

    def optimize(self, workflow: Callable[..., Any] | None = None, **settings: Any) -> ao.Result:
        defaults: dict[str, Any] = {
            "parameters": self.width,
            "examples": ROWS,
            "proposer": "perturb",
            "out": None,
            "budget": Budget(asks=12),
            "on_event": self.events.append,
        }
        return ao.optimize(workflow or self.workflow, **{**defaults, **settings})

    def of(self, *kinds: type[Event]) -> list[Any]:
        return [e for e in self.events if isinstance(e, kinds)]


def answers(request: Request) -> str:
    return str(len(request.messages[0].content) % 7)


def endless(answer: Callable[[Request], str] = answers) -> ScriptedLLM:
    return ScriptedLLM([answer] * 500, name="endless")


def asks_model(setup: Setup) -> Callable[..., Any]:
    @ao.bundle
    def judged(width: float, x: float, llm: LLM) -> float:
        return float(ao.ask(llm, "x" * int(width * 10 + x)))

    def workflow(x: Any, llm: LLM) -> Any:
        return judged(setup.width, x, llm)  # type: ignore[arg-type]  # a parameter stands for its value

    return workflow


_VARYING = {"run", "seconds", "latency_s", "spent", "workers", "record", "started"}


def stable(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {key: stable(value) for key, value in data.items() if key not in _VARYING}
    return [stable(value) for value in data] if isinstance(data, list) else data


def essence(events: Sequence[Event]) -> Counter[str]:
    return Counter(canonical(stable(e.model_dump(mode="json"))) for e in events)


def test_it_improves_the_workflow() -> None:
    result = Setup().optimize(budget=Budget(asks=60))
    assert result.dev_best is not None
    assert result.dev_start is not None
    assert result.dev_best > result.dev_start


def test_the_same_seed_gives_the_same_events() -> None:
    one, other = Setup(), Setup()
    one.optimize(seed=3)
    other.optimize(seed=3)
    assert essence(one.events) == essence(other.events)


def test_another_seed_gives_another_trajectory() -> None:
    one, other = Setup(), Setup()
    one.optimize(seed=3)
    other.optimize(seed=4)
    assert essence(one.events) != essence(other.events)


@pytest.mark.parametrize("seed", range(3))
def test_the_trajectory_is_the_same_with_one_and_with_eight_workers(seed: int) -> None:
    one, many = Setup(), Setup()

    def uneven(x: Any) -> Any:
        time.sleep(0.002 * (3 - x.value))
        return many.workflow(x)

    uneven.__name__ = "workflow"
    one.optimize(seed=seed, workers=1)
    many.optimize(uneven, seed=seed, workers=8)
    assert [e.values for e in one.of(CandidateAdded)] == [e.values for e in many.of(CandidateAdded)]
    measured = [Counter((e.candidate, e.instance, e.score) for e in s.of(Evaluated)) for s in (one, many)]
    assert measured[0] == measured[1]


def test_the_events_are_the_same_with_one_and_with_eight_workers_that_ask_a_model() -> None:
    runs = []
    for workers in (1, 8):
        setup = Setup()
        setup.optimize(asks_model(setup), workflow_llm=endless(), workers=workers)
        runs.append(essence(setup.events))
    assert runs[0] == runs[1]


def test_the_trajectory_of_a_proposer_with_several_candidates_does_not_depend_on_workers() -> None:
    runs = []
    for workers in (1, 8):
        setup = Setup()
        setup.optimize(proposer={"name": "perturb", "candidates": 3}, workers=workers)
        runs.append([e.values for e in setup.of(CandidateAdded)][:4])
    assert runs[0] == runs[1]


@pytest.mark.parametrize("limit", [7, 8, 13, 20, 31, 50])
def test_model_calls_never_exceed_the_budget_and_the_final_test_is_done(limit: int) -> None:
    setup = Setup()
    result = setup.optimize(asks_model(setup), workflow_llm=endless(), budget=Budget(llm_calls=limit, asks=40))
    assert len(setup.of(Exchanged)) == result.spent["llm_calls"] <= limit
    assert result.test_best is not None
    assert result.test_best.count == 3


def test_a_budget_that_bites_is_spent_to_the_last_call_that_helps() -> None:
    setup = Setup()
    result = setup.optimize(asks_model(setup), workflow_llm=endless(), budget=Budget(llm_calls=20))
    # 6 of 20 are held; the start may be the best, which then saves 3 of them
    assert result.spent["llm_calls"] in (17, 20)
    assert "llm_calls" in result.reason


@pytest.mark.parametrize("limit", [7, 8, 11, 30])
def test_evaluations_never_exceed_the_budget_and_the_final_test_is_done(limit: int) -> None:
    setup = Setup()
    result = setup.optimize(budget=Budget(evaluations=limit, asks=40))
    assert len(setup.of(Evaluated)) == result.spent["evaluations"] <= limit
    assert result.test_start is not None
    assert result.test_start.count == 3


@pytest.mark.parametrize("limit", range(1, 7))
@pytest.mark.parametrize("name", ["evaluations", "llm_calls"])
def test_too_small_a_budget_is_refused_before_anything_is_spent(name: str, limit: int, tmp_path: Path) -> None:
    setup = Setup()
    with pytest.raises(UsageError, match=f"`{name}` is {limit}"):
        setup.optimize(asks_model(setup), workflow_llm=endless(), budget=Budget(**{name: limit}), out=tmp_path / "runs")
    assert setup.events == []
    assert not (tmp_path / "runs").exists()


def test_a_budget_of_asks_ends_the_search() -> None:
    setup = Setup()
    result = setup.optimize(budget=Budget(asks=4))
    assert result.spent["asks"] <= 4
    assert "asks" in result.reason


def test_test_instances_are_measured_only_at_the_end_and_only_for_start_and_best() -> None:
    setup = Setup()
    result = setup.optimize(budget=Budget(asks=40))
    measured = setup.of(Evaluated)
    splits = [e.split for e in measured]
    first = splits.index("test")
    assert set(splits[first:]) == {"test"}
    assert Counter(e.candidate for e in measured if e.split == "test") == {0: 3, result.best.id: 3}
    assert result.best.id != 0


def test_test_instances_are_measured_once_where_the_start_is_best() -> None:
    setup = Setup()
    result = setup.optimize(optimizer="measure")
    assert Counter(e.instance for e in setup.of(Evaluated) if e.split == "test") == dict.fromkeys(
        ("test0", "test1", "test2"), 1
    )
    assert result.test_gain is not None
    assert result.test_gain.mean == 0


class Spying:
    """A proposer that keeps what it could see, and proposes nothing."""

    needs: frozenset[Capability | str] = frozenset()

    def __init__(self) -> None:
        self._seen: list[tuple[Context, Sequence[Evidence]]] = []

    def propose(self, context: Context, parents: Sequence[Candidate], evidence: Sequence[Evidence]) -> list[Proposal]:
        self._seen.append((context, evidence))
        return []


def test_an_optimizer_is_not_told_of_test_instances() -> None:
    spy = Spying()
    Setup().optimize(optimizer=Greedy(spy))
    (context, _), *_ = spy._seen
    assert set(context.instances) == {"train", "dev"}


def test_nothing_of_the_test_split_can_be_reached_before_the_search_is_over() -> None:
    leaks: list[object] = []
    is_over = False
    setup = Setup()

    def look(place: str, found: object) -> None:
        if not is_over and "test" in str(found):
            leaks.append((place, found))

    class Looking(Greedy):
        def ask(self, context: Context, n: int) -> list[Trial]:
            nonlocal is_over
            archive = context.archive
            for candidate in archive.candidates:
                look("archive", [(e.instance, e.split) for e in archive.evaluations(candidate.id)])
                evidence = archive.evidence(candidate.id, [str(row["id"]) for row in ROWS])
                look("evidence", [(e.instance, e.feedback) for e in evidence])
                look("scores", archive.scores(candidate.id, [str(row["id"]) for row in ROWS]))
            look("context", (context.instances, context.objective, archive.refusals))
            trials = super().ask(context, n)
            is_over = not trials or context.ledger.left("asks") < len(trials)
            return trials

    def told(event: Event) -> None:
        if not isinstance(event, RunStarted):  # the header names all instances; it holds no feedback and no score
            look("events", event)

    def feedback(output: Any, example: Mapping[str, Any]) -> tuple[float, str]:
        look("feedback", example)
        return float(output), f"of {example}"

    rows = [{**row, "mark": f"{row['id']} mark"} for row in ROWS]
    result = setup.optimize(optimizer=Looking(PerturbProposer()), examples=rows, feedback=feedback, on_event=told)
    assert result.test_best is not None
    assert is_over
    assert leaks == []


def test_an_optimizer_that_asks_for_a_test_instance_is_refused() -> None:
    class Cheating(Greedy):
        def ask(self, context: Context, n: int) -> list[Trial]:
            return [Trial(candidate=context.archive.candidates[0], instances=("train0", "test0"))]

    setup = Setup()
    with pytest.raises(UsageError, match=r"asks for \['test0'\].*train and dev"):
        setup.optimize(optimizer=Cheating(PerturbProposer()))
    assert setup.of(Evaluated) == []


def test_rows_without_test_have_no_test_result() -> None:
    result = Setup().optimize(examples=ROWS[:6])
    assert (result.test_start, result.test_best, result.test_gain) == (None, None, None)


def test_dev_scores_are_train_scores_where_there_is_no_dev() -> None:
    result = Setup(3.0).optimize(examples=ROWS[:1], budget=Budget(asks=3))
    assert result.dev_start == 0


def test_a_workflow_without_examples_is_one_train_instance() -> None:
    setup = Setup()
    setup.optimize(lambda: 0 - (setup.width - 3) ** 2, examples=None)
    assert setup.of(RunStarted)[0].instances == {"train": ["run"], "dev": [], "test": []}


def test_events_begin_with_the_header_and_end_with_the_end() -> None:
    setup = Setup()
    setup.optimize()
    assert isinstance(setup.events[0], RunStarted)
    assert isinstance(setup.events[-1], RunFinished)
    assert len(setup.of(RunStarted)) == len(setup.of(RunFinished)) == 1


def test_a_candidate_is_told_before_its_measurements() -> None:
    setup = Setup()
    setup.optimize()
    known: set[int] = set()
    for event in setup.events:
        if isinstance(event, CandidateAdded):
            known.add(event.candidate)
        elif isinstance(event, Evaluated):
            assert event.candidate in known


def test_an_exchange_is_told_before_the_measurement_it_served() -> None:
    setup = Setup()
    setup.optimize(asks_model(setup), workflow_llm=endless(), workers=1, budget=Budget(asks=3))
    kinds = [e.kind for e in setup.events if isinstance(e, (Exchanged, Evaluated))]
    assert kinds == ["exchanged", "evaluated"] * (len(kinds) // 2)


def test_the_record_holds_what_was_told(tmp_path: Path) -> None:
    setup = Setup()
    result = setup.optimize(out=tmp_path)
    with Store(tmp_path / "agentopt.sqlite") as store:
        assert Counter(e.event.model_dump_json() for e in store.events(result.run)) == Counter(
            e.model_dump_json() for e in setup.events
        )


def test_no_folder_means_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = Setup().optimize(out=None)
    assert list(tmp_path.iterdir()) == []
    assert result.record is None


def test_optimizing_does_not_change_the_workflow() -> None:
    setup = Setup()
    result = setup.optimize(budget=Budget(asks=40))
    assert result.values["width"] != 9.0
    assert setup.width.value == 9.0


def test_applying_the_result_changes_the_workflow() -> None:
    setup = Setup()
    result = setup.optimize(budget=Budget(asks=40))
    result.apply()
    assert setup.width.value == result.values["width"]


def recorded(folder: Path) -> list[Event]:
    with Store(folder / "agentopt.sqlite") as store:
        (run,) = store.runs()
        return [stored.event for stored in store.events(run.run)]


def ended(folder: Path) -> RunFinished:
    event = recorded(folder)[-1]
    assert isinstance(event, RunFinished)
    return event


def interrupts(x: Any) -> Any:
    raise KeyboardInterrupt


def test_a_record_is_whole_after_an_interrupt_in_the_workflow(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        Setup().optimize(interrupts, out=tmp_path)
    assert ended(tmp_path).error.startswith("KeyboardInterrupt")
    assert ended(tmp_path).result is None


def test_what_was_measured_before_an_interrupt_is_in_the_record(tmp_path: Path) -> None:
    setup = Setup()

    def workflow(x: Any) -> Any:
        if x.value == 2:
            raise KeyboardInterrupt
        return setup.workflow(x)

    with pytest.raises(KeyboardInterrupt):
        setup.optimize(workflow, out=tmp_path, workers=1)
    assert [e.instance for e in recorded(tmp_path) if isinstance(e, Evaluated)] == ["dev0", "dev1"]


def test_a_record_is_whole_after_a_missing_key(tmp_path: Path) -> None:
    setup = Setup()
    with pytest.raises(MissingKey):
        setup.optimize(asks_model(setup), workflow_llm=ScriptedLLM([MissingKey("no key")] * 9), out=tmp_path)
    assert ended(tmp_path).error == "MissingKey: no key"


def test_a_record_is_whole_after_the_optimizers_model_does_not_answer(tmp_path: Path) -> None:
    result = Setup().optimize(proposer="optoprime", llm=ScriptedLLM([LLMError("overloaded")]), out=tmp_path)
    assert "overloaded" in result.reason
    assert "overloaded" in ended(tmp_path).reason


def test_what_was_found_before_the_optimizers_model_stopped_answering_is_returned() -> None:
    llm = ScriptedLLM(['{"changes": {"width": 3.1}}', LLMError("overloaded"), LLMError("overloaded")])
    result = Setup().optimize(proposer="optoprime", llm=llm)
    assert result.values["width"] == 3.1


def test_a_record_is_whole_after_a_listener_raises(tmp_path: Path) -> None:
    def listener(event: Event) -> None:
        if event.kind == "evaluated":
            raise RuntimeError("broken listener")

    with pytest.raises(RuntimeError, match="broken listener"):
        Setup().optimize(out=tmp_path, on_event=listener)
    assert "broken listener" in ended(tmp_path).error


def test_a_workflow_that_always_raises_is_a_finished_run_of_failures(tmp_path: Path) -> None:
    def broken(x: Any) -> Any:
        raise ValueError("always")

    result = Setup().optimize(broken, out=tmp_path, budget=Budget(asks=4))
    assert result.dev_best == -math.inf
    assert ended(tmp_path).error == ""


def test_a_model_that_never_answers_the_workflow_ends_the_run_with_that_reason() -> None:
    setup = Setup()
    result = setup.optimize(asks_model(setup), workflow_llm=ScriptedLLM([LLMError("asleep")] * 50))
    assert result.reason.startswith("the model did not answer: LLMError: asleep")
    assert (result.dev_best, result.test_best) == (None, None)


def test_a_refused_proposal_is_told() -> None:
    setup = Setup()
    llm = ScriptedLLM(["junk", '{"changes": {"width": 3.0}}'])
    setup.optimize(proposer="optoprime", llm=llm, budget=Budget(llm_calls=2))
    assert [e.parents for e in setup.of(ProposalRefused)] == [[0]]


def test_the_header_says_who_answers() -> None:
    setup = Setup()
    setup.optimize(asks_model(setup), workflow_llm=endless(), budget=Budget(asks=2))
    (header,) = setup.of(RunStarted)
    assert header.answered_by == "script:endless"
    assert header.llm == {"workflow": "scripted:endless"}


def test_nobody_answers_where_there_is_no_model() -> None:
    setup = Setup()
    setup.optimize(budget=Budget(asks=2))
    assert setup.of(RunStarted)[0].answered_by == "nobody"


def test_optoprime_without_a_model_is_a_usage_error_that_says_what_to_give() -> None:
    with pytest.raises(UsageError, match="llm="):
        Setup().optimize(proposer="optoprime")


def test_a_workflow_that_asks_a_model_without_one_is_a_usage_error() -> None:
    setup = Setup()
    with pytest.raises(UsageError, match="workflow_llm"):
        setup.optimize(asks_model(setup))


def test_a_missing_capability_is_a_usage_error_that_names_it() -> None:
    class Demanding(Spying):
        needs = frozenset({"llm", "logprobs"})

    with pytest.raises(UsageError, match="logprobs"):
        Setup().optimize(optimizer=Greedy(Demanding()), llm=endless())


def test_one_model_serves_optimizer_and_workflow() -> None:
    setup = Setup()

    def both(request: Request) -> str:
        return '{"changes": {"width": 3.0}}' if request.schema else "1"

    setup.optimize(asks_model(setup), proposer="optoprime", llm=endless(both), budget=Budget(asks=4))
    assert {e.exchange["role"] for e in setup.of(Exchanged)} == {"optimizer", "workflow"}


@pytest.mark.parametrize("workers", [0, -1])
def test_no_workers_are_a_usage_error_before_the_run(workers: int) -> None:
    setup = Setup()
    with pytest.raises(UsageError, match="workers"):
        setup.optimize(workers=workers)
    assert setup.events == []


@dataclass(frozen=True)
class Own:
    """An optimizer of a user's own, with a setting that is no plain data."""

    key: Callable[[Candidate], float]
    needs: frozenset[Capability | str] = frozenset()

    def ask(self, context: Context, n: int) -> list[Trial]:
        start = context.archive.candidates[0]
        train = context.instances["train"]
        return [] if context.archive.is_measured(start.id, train) else [Trial(candidate=start, instances=train)]

    def best(self, context: Context) -> Candidate:
        return max(context.archive.candidates, key=self.key)


def test_an_optimizer_may_have_settings_that_are_no_plain_data(tmp_path: Path) -> None:
    result = Setup().optimize(optimizer=Own(lambda c: -c.id), out=tmp_path)
    assert result.best.id == 0


GLOBAL = ao.Parameter(9.0, name="global_width", bounds=(0, 10))


@ao.bundle
def cost(width: float) -> float:
    """Distance from three."""
    return -abs(width - 3)


@ao.bundle(trainable=True)
def doubled(x: float) -> float:
    """Twice x."""
    return 2 * x


@ao.module
class Box:
    def __init__(self) -> None:
        self.width = ao.Parameter(9.0, name="width")
        self.heights = [ao.Parameter(1.0, name="low"), ao.Parameter(2.0, name="high")]


BOX = Box()


def through_another_function() -> Any:
    return cost(GLOBAL)  # type: ignore[arg-type]  # a parameter stands for its value


def found_in(workflow: Callable[..., Any]) -> list[str]:
    events: list[Event] = []
    ao.optimize(workflow, optimizer="measure", out=None, on_event=events.append)
    (header,) = (e for e in events if isinstance(e, RunStarted))
    return [p["name"] for p in header.space]


def test_parameters_are_found_in_globals() -> None:
    assert found_in(lambda: cost(GLOBAL)) == ["global_width"]  # type: ignore[arg-type]


def test_parameters_are_found_in_closures() -> None:
    inner = ao.Parameter(1.0, name="inner")
    assert found_in(lambda: inner + 1) == ["inner"]


def test_parameters_are_found_in_functions_of_the_same_file() -> None:
    assert found_in(lambda: through_another_function()) == ["global_width"]


def test_parameters_are_found_in_modules_under_their_names() -> None:
    names = found_in(lambda: BOX.width + BOX.heights[0] + BOX.heights[1])
    assert names == ["width", "low", "high"]


def test_trainable_bundles_are_found() -> None:
    assert found_in(lambda: doubled(1.0)) == ["doubled"]


def test_parameters_are_found_in_a_traced_workflow() -> None:
    def workflow() -> Any:
        return cost(GLOBAL)  # type: ignore[arg-type]

    assert found_in(ao.trace(workflow)) == ["global_width"]


def test_parameters_are_found_inside_an_inner_function() -> None:
    def workflow() -> Any:
        pick: Callable[[], Any] = lambda: cost(GLOBAL)  # type: ignore[arg-type]  # noqa: E731
        return pick()

    assert found_in(workflow) == ["global_width"]


def test_nothing_to_optimize_is_a_usage_error_that_says_what_to_do() -> None:
    with pytest.raises(UsageError, match=r"agentopt\.Parameter"):
        ao.optimize(lambda: 1.0, proposer="perturb", out=None)


def test_what_cannot_be_called_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="int"):
        ao.optimize(5, proposer="perturb", out=None)


def test_examples_of_test_only_are_a_usage_error() -> None:
    setup = Setup()
    with pytest.raises(UsageError, match="train"):
        setup.optimize(examples=ROWS[6:])


@pytest.fixture
def sandboxed() -> list[Event]:
    events: list[Event] = []
    ao.optimize(
        lambda: doubled(2.0),
        parameters=doubled,
        proposer="optoprime",
        llm=ScriptedLLM(['{"changes": {"doubled": "def doubled(x):\\n    return 1 / 0\\n"}}']),
        budget=Budget(llm_calls=1),
        out=None,
        on_event=events.append,
    )
    return events


def test_code_of_a_proposal_that_fails_is_a_failed_evaluation(sandboxed: list[Event]) -> None:
    *_, last = (e for e in sandboxed if isinstance(e, Evaluated))
    assert last.status == "failed"
    assert "ZeroDivisionError" in last.feedback["text"]


def test_the_header_of_a_run_with_code_says_what_the_sandbox_guarantees(sandboxed: list[Event]) -> None:
    header = sandboxed[0]
    assert isinstance(header, RunStarted)
    assert "process" in header.guarantees


@ao.module
class Agent:
    def __init__(self) -> None:
        self.guess = ao.Parameter(3.0, name="guess", bounds=(0, 10))

    @ao.trace
    def run(self, x: Any) -> Any:
        return (self.guess - x) ** 2


def test_a_traced_method_of_a_module_is_a_workflow_whose_parameters_are_found() -> None:
    agent = Agent()
    settings = {"proposer": "perturb", "budget": ao.Budget(evaluations=60), "out": None}
    result = ao.optimize(agent.run, examples=[{"x": 5.0}], feedback=lambda cost: -cost, **settings)  # type: ignore[arg-type]
    assert result.values["guess"] == pytest.approx(5.0, abs=0.5)
    assert agent.guess.value == 3.0


def header_of(setup: Setup, **settings: Any) -> RunStarted:
    setup.optimize(budget=Budget(asks=1), **settings)
    (header,) = setup.of(RunStarted)
    assert isinstance(header, RunStarted)
    return header


def test_how_it_was_measured_is_in_the_header_where_it_is_not_the_default() -> None:
    assert set(header_of(Setup()).settings) == {"optimizer", "budget", "seed", "workers"}
    settings = header_of(Setup(), timeout_s=5.0, reuse="outputs", seed=4).settings
    assert settings["timeout_s"] == 5.0
    assert settings["reuse"] == {"by": "outputs", "verify_rate": 0.01, "seed": 4}


@pytest.mark.parametrize(("is_deterministic", "expected"), [(True, "source"), (False, None)])
def test_evaluations_are_taken_unasked_only_where_the_task_is_deterministic(
    is_deterministic: bool, expected: str | None
) -> None:
    setup = Setup()
    task = as_task(setup.workflow, instances=as_instances(ROWS, seed=0), feedback=None, parameters=setup.width)
    task = replace(task, is_deterministic=is_deterministic)
    events: list[Event] = []
    ao.optimize(task, proposer="perturb", budget=Budget(asks=1), out=None, on_event=events.append)
    (header,) = (e for e in events if isinstance(e, RunStarted))
    assert header.settings.get("reuse", {}).get("by") == expected


def test_a_workflow_that_asks_a_model_takes_nothing_unasked() -> None:
    setup = Setup()
    task = as_task(asks_model(setup), instances=as_instances(ROWS, seed=0), feedback=None, parameters=setup.width)
    events: list[Event] = []
    ao.optimize(
        replace(task, is_deterministic=True),
        proposer="perturb",
        workflow_llm=endless(),
        budget=Budget(asks=1),
        out=None,
        on_event=events.append,
    )
    assert all("reuse" not in e.settings for e in events if isinstance(e, RunStarted))


@pytest.mark.parametrize("wrong", [{"timeout_s": 0}, {"timeout_s": -1.0}, {"reuse": "luck"}, {"executor": "slurm"}])
def test_a_way_to_measure_that_cannot_be_is_refused_at_the_start(wrong: dict[str, Any]) -> None:
    setup = Setup()
    with pytest.raises(UsageError):
        setup.optimize(**wrong)
    assert setup.events == []
