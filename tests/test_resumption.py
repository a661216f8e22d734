"""A run that was killed goes on from its record, and comes to where it would have come."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import agentopt as ao
from agentopt.budget import Budget
from agentopt.candidate import Trial
from agentopt.canonical import canonical
from agentopt.errors import FormatError, LLMError, ReplayMismatch, UsageError
from agentopt.evaluate.twins import Reuse
from agentopt.events import Asked, CandidateAdded, Evaluated, Event, Exchanged, Resumed, RunFinished, RunStarted
from agentopt.llm.base import LLM, Capability, Reply, Request, Usage
from agentopt.llm.failures import Transient
from agentopt.llm.price import FREE, Price
from agentopt.optimizers.greedy import Greedy
from agentopt.proposers.base import Context
from agentopt.proposers.optoprime import OptoPrimeProposer
from agentopt.resumption import resume
from agentopt.store.lock import run_lock
from agentopt.store.sqlite import Store, StoredEvent
from agentopt.store.tracefile import read_run, write_trace

IDS = ("train0", "train1", "dev0", "dev1", "test0", "test1")
ROWS = [{"id": name, "split": name[:-1], "x": n} for n, name in enumerate(IDS)]


@dataclass
class Model:
    """Answers by what is asked: proposals to requests with a schema, a number otherwise; some calls fail at first.

    Attributes:
        asked: digests of what was asked, in order.
    """

    asked: list[str] = field(default_factory=list)
    is_moody: bool = False
    lock: Any = field(default_factory=threading.Lock)

    name = "testing:model"
    answered_by = "script:test"
    capabilities: frozenset[Capability] = frozenset()

    @property
    def price(self) -> Price:
        return FREE

    def complete(self, request: Request) -> Reply:
        with self.lock:
            self.asked.append(request.digest)
            times = self.asked.count(request.digest)
        number = int(request.digest[:8], 16)
        if self.is_moody and number % 3 == 0 and times == 1:
            raise Transient("not now", retry_after_s=0.0)
        usage = Usage(prompt_tokens=number % 100, completion_tokens=number % 7, cost_usd=0.0)
        if request.schema is None:
            return Reply(text=str(number % 10), usage=usage)
        if number % 4 == 0:
            return Reply(text="I would rather not say", usage=usage)
        change = {"reasoning": "try", "changes": {"width": number % 1000 / 100}}
        return Reply(text=json.dumps(change), usage=usage)


class Setup:
    """A workflow with one parameter that asks a model, run in a folder."""

    def __init__(self, folder: Path, *, is_moody: bool = False, asks_model: bool = True) -> None:
        self.folder = folder
        self.width = ao.Parameter(9.0, name="width", bounds=(0, 10))
        self.model = Model(is_moody=is_moody)
        self.runs = Counter[tuple[float, int]]()
        width = self.width

        @ao.bundle
        def judged(width: float, x: int, llm: LLM) -> float:
            said = float(ao.ask(llm, f"{width:.2f} {x}")) if asks_model else 0.0
            return said / 100 - (width - 3 - x / 10) ** 2

        def workflow(x: Any, llm: LLM) -> Any:
            self.runs[float(width.value), x.value] += 1
            return judged(width, x, llm)  # type: ignore[arg-type]  # nodes stand for their values

        self.workflow = workflow

    @property
    def given(self) -> dict[str, Any]:
        return {"parameters": self.width, "examples": ROWS, "llm": self.model, "out": self.folder}

    def optimize(self, **settings: Any) -> ao.Result:
        return ao.optimize(self.workflow, **{**self.given, "budget": Budget(asks=9), "workers": 1, **settings})

    def resume(self, **settings: Any) -> ao.Result:
        return resume("last", workflow=self.workflow, **{**self.given, **settings})

    def stored(self) -> list[StoredEvent]:
        return read_run("last", self.folder / "agentopt.sqlite")


_VARYING = {"seconds", "latency_s", "platform", "record", "run"}


def stable(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: stable(value) for key, value in data.items() if key not in _VARYING}
    return [stable(value) for value in data] if isinstance(data, list) else data


def essence(stored: Sequence[StoredEvent]) -> list[str]:
    """The events without times, and without what only says that the run was interrupted."""
    events = [s.event for s in stored]
    kept = [e for e in events[:-1] if not isinstance(e, (Resumed, RunFinished))] + events[-1:]
    return [canonical(stable(e.model_dump(mode="json"))) for e in kept]


def cut(stored: Sequence[StoredEvent], folder: Path, length: int) -> None:
    """A record as the run leaves it that is killed after `length` events."""
    with Store(folder / "agentopt.sqlite") as store:
        store.add_run(stored[:length])


def calls(stored: Sequence[StoredEvent]) -> int:
    return sum(isinstance(s.event, Exchanged) for s in stored)


@pytest.mark.parametrize("limits", [{"asks": 9}, {"llm_calls": 22}, {"asks": 6, "tokens": 30_000}], ids=str)
def test_a_run_killed_after_any_event_comes_to_the_same_end(tmp_path: Path, limits: dict[str, Any]) -> None:
    whole = Setup(tmp_path / "whole", is_moody=True)
    expected = whole.optimize(budget=Budget(**limits))
    stored = whole.stored()
    for length in range(1, len(stored)):
        again = Setup(tmp_path / str(length), is_moody=True)
        again.model.asked = whole.model.asked[: calls(stored[:length])]
        cut(stored, again.folder, length)
        result = again.resume()
        assert essence(again.stored()) == essence(stored), length
        assert again.model.asked == whole.model.asked, length
        assert spent(result) == spent(expected)
        assert (result.best, result.test_gain, result.reason) == (expected.best, expected.test_gain, expected.reason)


class Spelling(Model):
    """Proposes words that differ in outer white space only from some proposed before."""

    def complete(self, request: Request) -> Reply:
        with self.lock:
            self.asked.append(request.digest)
        number = int(request.digest[:8], 16)
        if request.schema is None:
            return Reply(text=str(len(request.messages[0].content)))
        changes = {"word": ("a", "bb", "ccc")[number % 3] + " " * (number // 3 % 3)}
        return Reply(text=json.dumps({"reasoning": "try", "changes": changes}))


def spelled(folder: Path) -> tuple[Spelling, dict[str, Any]]:
    """A model, and a workflow that asks it about a word, as arguments of `optimize` and `resume`."""
    model, word = Spelling(), ao.Parameter("a", name="word", kind="prompt")

    @ao.bundle
    def judged(word: str, x: int, llm: LLM) -> float:
        return float(ao.ask(llm, f"{word.strip()} {x}")) + x / 10

    def workflow(x: Any, llm: LLM) -> Any:
        return judged(word, x, llm)  # type: ignore[arg-type]  # nodes stand for their values

    return model, {"workflow": workflow, "parameters": word, "examples": ROWS, "llm": model, "out": folder}


def test_a_run_that_took_evaluations_from_twins_comes_to_the_same_end(tmp_path: Path) -> None:
    model, given = spelled(tmp_path / "whole")
    ao.optimize(**given, optimizer="beam", budget=Budget(asks=12), workers=1, reuse=Reuse(by="source", verify_rate=0))
    stored = read_run("last", tmp_path / "whole" / "agentopt.sqlite")
    assert sum(isinstance(s.event, Evaluated) and s.event.taken_from is not None for s in stored) > 3
    for length in range(1, len(stored), 2):
        folder = tmp_path / str(length)
        cut(stored, folder, length)
        again, given = spelled(folder)
        resume("last", **given)
        assert essence(read_run("last", folder / "agentopt.sqlite")) == essence(stored), length
        assert again.asked == model.asked[calls(stored[:length]) :], length


def test_an_async_workflow_is_run_again_where_an_event_loop_runs_already(tmp_path: Path) -> None:
    def given(folder: Path) -> dict[str, Any]:
        word = ao.Parameter(1.0, name="width", bounds=(0, 10))

        async def workflow(x: Any) -> Any:
            return word * x

        return {"workflow": workflow, "parameters": word, "examples": ROWS, "llm": Model(), "out": folder}

    async def resumed() -> None:
        resume("last", **given(tmp_path / "again"))

    ao.optimize(**given(tmp_path / "whole"), budget=Budget(asks=5), workers=1)
    stored = read_run("last", tmp_path / "whole" / "agentopt.sqlite")
    last_ask = max(n for n, s in enumerate(stored) if isinstance(s.event, Asked))
    cut(stored, tmp_path / "again", last_ask)
    asyncio.run(resumed())
    assert essence(read_run("last", tmp_path / "again" / "agentopt.sqlite")) == essence(stored)


def spent(result: ao.Result) -> dict[str, float]:
    return {name: amount for name, amount in result.spent.items() if name != "seconds"}


def test_the_runs_that_are_killed_meet_everything_that_can_be_recorded(tmp_path: Path) -> None:
    whole = Setup(tmp_path, is_moody=True)
    whole.optimize()
    kinds = {s.event.kind for s in whole.stored()}
    assert kinds >= {"asked", "candidate_added", "evaluated", "exchanged", "proposal_refused"}
    assert any(isinstance(s.event, Exchanged) and s.event.exchange["error"] for s in whole.stored())


def killed_at(setup: Setup, folder: Path, kind: str, number: int, **settings: Any) -> Setup:
    """After a run of `setup`, another one with the record as it was before the `number`-th event of that kind."""
    setup.optimize(**settings)
    stored = setup.stored()
    places = [n for n, s in enumerate(stored) if s.event.kind == kind]
    again = Setup(folder)
    again.model.is_moody = setup.model.is_moody
    again.model.asked = setup.model.asked[: calls(stored[: places[number]])]
    cut(stored, again.folder, places[number])
    return again


def test_only_what_a_proposer_is_shown_is_run_again(tmp_path: Path) -> None:
    whole = Setup(tmp_path / "whole")
    again = killed_at(whole, tmp_path / "again", "asked", 2)
    events = [s.event for s in again.stored()]
    widths = {e.candidate: e.values["width"] for e in events if isinstance(e, CandidateAdded)}
    x_of = {name: n for n, name in enumerate(IDS)}
    before = {(widths[e.candidate], x_of[e.instance]): e.split for e in events if isinstance(e, Evaluated)}
    again.resume()
    run_again = [split for pair, split in before.items() if again.runs[pair]]
    assert set(before.values()) == {"train", "dev"}
    assert set(run_again) == {"train"}
    assert again.model.asked == whole.model.asked


def test_a_resumed_run_says_so_once(tmp_path: Path) -> None:
    again = killed_at(Setup(tmp_path / "whole"), tmp_path / "again", "evaluated", 3)
    again.resume()
    (resumed,) = [s.event for s in again.stored() if isinstance(s.event, Resumed)]
    assert resumed.budget == {"asks": 9}
    assert [s.serial for s in again.stored()] == list(range(len(again.stored())))


def test_a_workflow_that_does_something_else_ends_with_a_mismatch(tmp_path: Path) -> None:
    again = killed_at(Setup(tmp_path / "whole"), tmp_path / "again", "asked", 2)

    @ao.bundle
    def judged(width: float, x: int, llm: LLM) -> float:
        return float(ao.ask(llm, f"another question about {width} and {x}"))

    def workflow(x: Any, llm: LLM) -> Any:
        return judged(again.width, x, llm)  # type: ignore[arg-type]  # nodes stand for their values

    with pytest.raises(ReplayMismatch, match="record of run"):
        resume("last", workflow=workflow, **again.given)


def test_a_finished_run_says_that_it_is(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    setup.optimize(optimizer="measure")
    with pytest.raises(UsageError, match="is finished: the optimizer is done"):
        setup.resume()


def test_a_run_that_its_budget_ended_wants_a_larger_one(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    setup.optimize(budget=Budget(asks=4))
    with pytest.raises(UsageError, match=r"budget `asks` has .*; give it a larger budget than \{'asks': 4\}"):
        setup.resume()


def test_a_larger_budget_searches_what_it_would_have_searched_at_once(tmp_path: Path) -> None:
    at_once, setup = Setup(tmp_path / "at_once"), Setup(tmp_path / "twice")
    expected = at_once.optimize(budget=Budget(asks=9))
    setup.optimize(budget=Budget(asks=5))
    result = setup.resume(budget=Budget(asks=9))
    assert (result.best, result.test_gain, result.reason) == (expected.best, expected.test_gain, expected.reason)
    of_search = [m for m in at_once.model.asked if m in setup.model.asked]
    assert of_search == at_once.model.asked
    assert result.spent["asks"] == expected.spent["asks"]


@pytest.mark.parametrize("limit", [19, 23, 30])
def test_two_budgets_after_another_are_never_exceeded(tmp_path: Path, limit: int) -> None:
    setup = Setup(tmp_path)
    setup.optimize(budget=Budget(llm_calls=16))
    result = setup.resume(budget=Budget(llm_calls=limit))
    assert len(setup.model.asked) == result.spent["llm_calls"] <= limit
    assert result.test_best is not None
    assert result.test_best.count == 2


def test_what_was_measured_on_test_is_not_shown_to_an_optimizer_that_goes_on(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    setup.optimize(budget=Budget(asks=5))
    past = Counter(
        s.event.instance for s in setup.stored() if isinstance(s.event, Evaluated) and s.event.split == "test"
    )
    assert past == {"test0": 2, "test1": 2}
    seen: list[Any] = []

    class Looking(Greedy):
        def ask(self, context: Context, n: int) -> list[Trial]:
            archive = context.archive
            seen.extend(e for c in archive.candidates for e in archive.evaluations(c.id) if e.split == "test")
            return super().ask(context, n)

    setup.resume(budget=Budget(asks=9), optimizer=Looking(OptoPrimeProposer()))
    assert seen == []


def test_rounds_in_which_no_model_answered_are_counted_on(tmp_path: Path) -> None:
    class Silent(Model):
        def complete(self, request: Request) -> Reply:
            self.asked.append(request.digest)
            if request.schema is None:
                raise LLMError("no")
            return super().complete(request)

    whole = Setup(tmp_path / "whole")
    whole.model = Silent()
    whole.optimize()
    stored = whole.stored()
    ended = stored[-1].event
    assert isinstance(ended, RunFinished)
    assert ended.ended == "unanswered"
    for length in range(2, len(stored)):
        again = Setup(tmp_path / str(length))
        again.model = Silent(asked=whole.model.asked[: calls(stored[:length])])
        cut(stored, again.folder, length)
        again.resume()
        searched = [e for e in essence(again.stored()) if '"test' not in e]
        assert searched[:-1] == [e for e in essence(stored) if '"test' not in e][:-1], length


def test_an_interrupted_run_is_resumed(tmp_path: Path) -> None:
    whole = Setup(tmp_path / "whole")
    whole.optimize()
    again = Setup(tmp_path / "again")
    inner, count = again.workflow, 0

    def interrupted(x: Any, llm: LLM) -> Any:
        nonlocal count
        count += 1
        if count == 5:
            raise KeyboardInterrupt
        return inner(x, llm)

    interrupted.__name__ = "workflow"
    with pytest.raises(KeyboardInterrupt):
        ao.optimize(interrupted, **again.given, budget=Budget(asks=9), workers=1)
    again.resume()
    assert Counter(essence(again.stored())) == Counter(essence(whole.stored()))


def test_a_run_of_a_server_that_went_away_is_resumed_when_it_is_back(tmp_path: Path) -> None:
    class Away(Model):
        is_away = False

        def complete(self, request: Request) -> Reply:
            if self.is_away:
                raise Transient("gone", retry_after_s=0.0)
            return super().complete(request)

    whole = Setup(tmp_path / "whole")
    expected = whole.optimize(budget=Budget(asks=9))
    again = killed_at(Setup(tmp_path / "other"), tmp_path / "again", "asked", 2)
    again.model = Away(asked=list(again.model.asked))
    again.model.is_away = True
    stopped = again.resume()
    assert "the model did not answer" in stopped.reason
    again.model.is_away = False
    assert again.resume().best == expected.best


def test_a_run_that_is_going_on_is_not_resumed(tmp_path: Path) -> None:
    again = killed_at(Setup(tmp_path / "whole"), tmp_path / "again", "asked", 2)
    header = again.stored()[0].event
    assert isinstance(header, RunStarted)
    with (
        run_lock(again.folder / "agentopt.sqlite", header.run),
        pytest.raises(UsageError, match=r"is going on in process \d+"),
    ):
        again.resume()


def test_the_lock_of_a_run_is_held_while_it_runs_and_gone_afterwards(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    locks: list[list[str]] = []
    setup.optimize(on_event=lambda _: locks.append([p.name for p in tmp_path.glob("*.lock")]))
    assert {len(names) for names in locks} == {1}
    assert list(tmp_path.glob("*.lock")) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"examples": ROWS[:4]}, "its instances were"),
        ({"parameters": ao.Parameter(9.0, name="height", bounds=(0, 10))}, "its parameters were"),
        ({"workflow": None}, "somebody's own code"),
        ({"workflow": lambda x, llm: 1.0}, "its task were"),
    ],
    ids=["instances", "parameters", "no_workflow", "another_workflow"],
)
def test_another_task_is_refused(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    again = killed_at(Setup(tmp_path / "whole"), tmp_path / "again", "asked", 2)
    with pytest.raises(UsageError, match=words):
        resume("last", **{"workflow": again.workflow, **again.given, **change})


def test_a_record_without_asks_is_refused_with_words(tmp_path: Path) -> None:
    setup = Setup(tmp_path / "whole")
    setup.optimize()
    older = [s for s in setup.stored() if not isinstance(s.event, (Asked, RunFinished))]
    again = Setup(tmp_path / "again")
    cut(older, again.folder, len(older))
    with pytest.raises(UsageError, match="cannot be resumed: it was recorded by an agentopt that did not"):
        again.resume()


def test_a_trace_file_of_an_unfinished_run_is_entered_and_resumed(tmp_path: Path) -> None:
    whole = Setup(tmp_path / "whole")
    whole.optimize()
    stored = whole.stored()
    write_trace(tmp_path / "half.jsonl", stored[: len(stored) // 2])
    again = Setup(tmp_path / "again")
    resume(str(tmp_path / "half.jsonl"), workflow=again.workflow, **again.given)
    assert essence(again.stored()) == essence(stored)
    with pytest.raises(UsageError, match="resume it by its id"):
        resume(str(tmp_path / "half.jsonl"), workflow=again.workflow, **again.given)


def test_events_are_told_from_where_it_goes_on(tmp_path: Path) -> None:
    again = killed_at(Setup(tmp_path / "whole"), tmp_path / "again", "evaluated", 3)
    before = len(again.stored())
    told: list[Event] = []
    again.resume(on_event=told.append)
    assert told == [s.event for s in again.stored()[before:]]


def test_a_record_with_a_limit_that_is_not_known_is_a_format_error(tmp_path: Path) -> None:
    whole, again = Setup(tmp_path / "whole"), Setup(tmp_path / "again")
    whole.optimize()
    header = whole.stored()[0].event
    assert isinstance(header, RunStarted)
    gold = header.model_copy(update={"settings": {**header.settings, "budget": {"gold": 3}}})
    cut([StoredEvent(0, 0.0, gold)], again.folder, 1)
    with pytest.raises(FormatError, match=r"budget is \{'gold': 3\}: .*unexpected keyword argument 'gold'"):
        again.resume()
