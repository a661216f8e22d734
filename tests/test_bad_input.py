"""Bad input: each kind gives one clear line, or the feedback it becomes, and leaves a whole record."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest

import agentopt as ao
from agentopt.budget import Budget
from agentopt.errors import FormatError, MissingKey, ModelUnavailable, UsageError
from agentopt.events import CandidateAdded, Evaluated, Event, Exchanged, ProposalRefused, RunFinished
from agentopt.instance import as_instances, read_jsonl
from agentopt.llm.openai import OpenAILLM
from agentopt.llm.retrying import RetryingLLM
from agentopt.llm.scripted import ScriptedLLM
from agentopt.store.sqlite import Store
from agentopt.store.tracefile import read_run, read_trace, write_trace
from agentopt.testing.faults import Fault
from agentopt.testing.server import LoopbackServer


def lines(folder: Path, *rows: str) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(row + "\n" for row in rows), encoding="utf-8")
    return path


def test_rows_of_a_file_are_read_in_order_and_blank_lines_skipped(tmp_path: Path) -> None:
    assert read_jsonl(lines(tmp_path, '{"a": 1}', "", "  ", '{"a": 2}')) == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\x85"], ids=["line", "paragraph", "nel"])
def test_a_row_may_hold_unicode_line_separators(tmp_path: Path, character: str) -> None:
    text = json.dumps({"a": f"one{character}two"}, ensure_ascii=False)
    assert read_jsonl(lines(tmp_path, text)) == [{"a": f"one{character}two"}]


@pytest.mark.parametrize(
    "row",
    [
        "{broken",
        "[1]",
        '"text"',
        "null",
        '{"a": 1} {"a": 2}',
        "{'a': 1}",
        pytest.param(
            '{"a": ' + "1" * 5000 + "}",
            id="many_digits",
        ),
        pytest.param(
            "[" * 100_000,
            id="deep",
        ),
    ],
)
def test_a_malformed_row_is_a_format_error_that_names_file_and_line(tmp_path: Path, row: str) -> None:
    with pytest.raises(FormatError, match=r"rows\.jsonl:3: "):
        read_jsonl(lines(tmp_path, '{"a": 1}', "", row))


def test_an_empty_file_is_a_usage_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"rows\.jsonl` holds no examples"):
        read_jsonl(lines(tmp_path))


def test_a_file_that_is_not_there_is_a_usage_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*nowhere\.jsonl"):
        read_jsonl(tmp_path / "nowhere.jsonl")


def test_a_file_in_another_encoding_is_a_usage_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_bytes('{"a": "größer"}'.encode("latin-1"))
    with pytest.raises(UsageError, match=r"cannot read .*rows\.jsonl"):
        read_jsonl(tmp_path / "rows.jsonl")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"split": "train"}, {}], "example 2 has no `split`"),
        ([{"split": "valid"}], "`split` is 'valid'; expected one of train, dev, test"),
        ([{"id": "a"}, {"id": "a"}], "example 2: the id `a` occurs twice"),
        ([{"id": 2}, {}], "example 2: the id `2` occurs twice"),
        ([{"split": "train"}, {"split": ""}], "example 2"),
    ],
)
def test_rows_that_cannot_be_instances_are_a_usage_error_that_names_the_row(
    rows: list[Mapping[str, Any]], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        as_instances(rows)


class Run:
    """A run with a record on a workflow that asks a model, or on one that does not."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.width = ao.Parameter(1, name="width", bounds=(0, 10))
        self.flag = ao.Parameter(True, name="flag")

    def optimize(self, **settings: Any) -> ao.Result:
        def workflow() -> Any:
            return self.width * self.flag

        defaults: dict[str, Any] = {"parameters": [self.width, self.flag], "out": self.folder, "budget": Budget(asks=4)}
        return ao.optimize(workflow, **{**defaults, **settings})

    def optimize_code(self, llm: ScriptedLLM, budget: Budget) -> ao.Result:
        @ao.bundle(trainable=True)
        def double(x: float) -> float:
            """Twice x."""
            return 2 * x

        return ao.optimize(lambda: double(2.0), parameters=double, llm=llm, out=self.folder, budget=budget)

    @property
    def events(self) -> list[Event]:
        with Store(self.folder / "agentopt.sqlite") as store:
            return [s.event for r in store.runs() for s in store.events(r.run)]

    def of(self, kind: type[Event]) -> list[Any]:
        return [e for e in self.events if isinstance(e, kind)]

    @property
    def end(self) -> RunFinished:
        (end,) = self.of(RunFinished)
        assert isinstance(end, RunFinished)
        assert self.events[-1] == end
        return end


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path / "runs")


def test_a_missing_key_is_an_environment_problem_before_anything_is_written(run: Run) -> None:
    with pytest.raises(MissingKey, match=r"`openai:gpt-5-mini`.*OPENAI_API_KEY"):
        run.optimize(llm="openai:gpt-5-mini")
    assert not run.folder.exists()


def test_an_unknown_model_ends_the_run_with_its_name_and_a_whole_record(run: Run) -> None:
    with LoopbackServer() as server, pytest.raises(ModelUnavailable, match="no-such-model"):
        run.optimize(llm=f"openai:no-such-model@{server.url}")
    assert "no-such-model" in run.end.error
    assert [e.exchange["reply"] for e in run.of(Exchanged)] == [None]
    assert len(run.of(Evaluated)) == 1


def test_a_server_that_wants_a_key_ends_the_run_with_a_whole_record(run: Run) -> None:
    faults = {1: Fault(kind="status", status=401, message="no key")}
    with LoopbackServer(faults=faults) as server, pytest.raises(MissingKey):
        run.optimize(llm=f"openai:{server.model}@{server.url}")
    assert run.end.error.startswith("MissingKey")


def test_an_unreachable_server_is_asked_again_and_then_named() -> None:
    waits: list[float] = []
    llm = RetryingLLM(OpenAILLM("m", base_url="http://127.0.0.1:9/v1"), attempts=3, rng=Random(0), sleep=waits.append)
    with pytest.raises(ModelUnavailable, match=r"127\.0\.0\.1:9.*asked 3 times"):
        ao.ask(llm, "hello")
    assert len(waits) == 2


@pytest.mark.parametrize("spec", ["gpt-5-mini", "openai:", "claude:x", "", "openai", "replay:", "scripted:"])
def test_a_specification_that_names_no_model_is_a_usage_error_with_examples(run: Run, spec: str) -> None:
    with pytest.raises(UsageError, match="names no model; expected one of"):
        run.optimize(llm=spec)
    assert not run.folder.exists()


def test_a_replay_of_a_file_that_is_not_there_is_a_usage_error_that_names_it(run: Run) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.jsonl"):
        run.optimize(llm="replay:nowhere.jsonl")


def test_a_parameter_out_of_its_bounds_is_a_usage_error_that_names_it() -> None:
    with pytest.raises(UsageError, match="parameter `width` must be from 0 to 10, the start value is 11"):
        ao.Parameter(11, name="width", bounds=(0, 10))


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ("This is no JSON.", "the reply holds no JSON object"),
        ('{"changes": {"width": 4', "the end of the reply"),
        ('{"changes": {"flag": "False"}}', None),
        ('{"changes": {"flag": "no"}}', "parameter `flag` is one of False, True, the proposal gives 'no' (str)"),
        ('{"changes": {"width": "wide"}}', "the proposal gives 'wide' (str)"),
        ('{"changes": {"width": 11}}', "must be from 0 to 10, the proposal gives 11"),
        ('{"changes": {"height": 1}}', "there is no parameter `height`"),
    ],
)
def test_an_unusable_reply_is_asked_again_and_the_record_is_whole(run: Run, reply: str, told: str | None) -> None:
    run.optimize(llm=ScriptedLLM([reply, '{"changes": {"width": 5}}']), budget=Budget(llm_calls=2))
    refusals = [e.problem for e in run.of(ProposalRefused)]
    assert len(refusals) == (0 if told is None else 1)
    assert all(told is not None and told in problem for problem in refusals)
    assert len(run.of(Exchanged)) == 2
    assert run.end.error == ""


def test_replies_that_are_never_usable_leave_the_start_and_a_whole_record(run: Run) -> None:
    result = run.optimize(llm=ScriptedLLM(["junk"] * 50))
    assert result.best.id == 0
    assert len(run.of(ProposalRefused)) == len(run.of(Exchanged)) == 9  # three attempts of three asks
    assert len(run.of(CandidateAdded)) == 1
    assert run.end.error == ""


@pytest.mark.parametrize("text", ["cut \ud83d", "\udcff"], ids=["half_an_emoji", "undecodable_byte"])
def test_text_that_is_no_unicode_does_not_end_the_run(run: Run, text: str) -> None:
    def workflow() -> Any:
        return run.width * 1

    ao.optimize(workflow, parameters=run.width, feedback=lambda _: (1.0, text), optimizer="measure", out=run.folder)
    assert run.end.error == ""


def test_a_reply_that_is_no_unicode_does_not_end_the_run(run: Run) -> None:
    run.optimize(llm=ScriptedLLM(["half an emoji: \ud83d", '{"changes": {"width": 5}}']), budget=Budget(llm_calls=2))
    assert run.end.error == ""


def test_a_workflow_that_raises_is_feedback_for_the_model(run: Run) -> None:
    def workflow() -> Any:
        return 1 / (run.width - 1)

    requests: list[str] = []

    def answer(request: Any) -> str:
        requests.append(request.messages[1].content)
        return '{"changes": {"width": 5}}'

    result = ao.optimize(
        workflow, parameters=run.width, llm=ScriptedLLM([answer]), out=run.folder, budget=Budget(llm_calls=1)
    )
    assert "ZeroDivisionError" in requests[0]
    assert result.values == {"width": 5}
    assert run.end.error == ""


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def double(x):\n    return 1 / 0\n", "ZeroDivisionError"),
        ("def double(x):\n    import socket\n    socket.create_connection(('127.0.0.1', 9))\n", "PermissionError"),
        ("def double(x):\n    print('x' * 10**7)\n    return 1\n", "printed more than"),
        ("def double(x):\n    return bytearray(8 << 30)\n", "Memory"),
        ("def double(x):\n    import os\n    os._exit(0)\n", "ended its own process"),
        ("def double(x):\n    raise SystemExit\n", "SystemExit"),
    ],
    ids=["raises", "socket", "prints", "memory", "exit", "system_exit"],
)
def test_code_of_a_model_that_goes_wrong_is_a_failed_evaluation_and_the_record_is_whole(
    run: Run, code: str, said: str
) -> None:
    run.optimize_code(ScriptedLLM([json.dumps({"changes": {"double": code}})]), Budget(llm_calls=1))
    *_, last = run.of(Evaluated)
    assert (last.candidate, last.status) == (1, "failed")
    assert said in last.feedback["text"]
    assert run.end.error == ""


def test_a_refused_code_proposal_does_not_reach_the_sandbox(run: Run) -> None:
    other_arguments = '{"changes": {"double": "def double(x, y):\\n    return x\\n"}}'
    run.optimize_code(ScriptedLLM([other_arguments, "no"]), Budget(llm_calls=2))
    assert "the arguments of `double` are fixed" in run.of(ProposalRefused)[0].problem
    assert len(run.of(CandidateAdded)) == 1


@pytest.mark.parametrize("limit", [-1, -0.5])
def test_a_negative_budget_is_a_usage_error_that_names_it(limit: float) -> None:
    with pytest.raises(UsageError, match="budget `seconds` is -"):
        Budget(seconds=limit)


@pytest.mark.parametrize("limit", ["5", [1], float("nan")])
def test_a_budget_that_is_no_number_is_a_usage_error_that_shows_it(limit: Any) -> None:
    with pytest.raises(UsageError, match=re.escape(f"budget `tokens` is {limit!r}; expected 0 or more")):
        Budget(tokens=limit)


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"workers": "8"}, "`workers` is '8'; expected a whole number, 1 or more"),
        ({"workers": 2.5}, "`workers` is 2.5; expected a whole number, 1 or more"),
        ({"seed": None}, "`seed` is None; expected a whole number, 0 or more"),
        ({"seed": -1}, "`seed` is -1; expected a whole number, 0 or more"),
        ({"seed": "luck"}, "`seed` is 'luck'; expected a whole number, 0 or more"),
        ({"timeout_s": "5"}, "`timeout_s` is '5'; expected more than 0"),
        ({"timeout_s": float("nan")}, "`timeout_s` is nan; expected more than 0"),
        ({"budget": {"asks": 3}}, "budget is {'asks': 3}; expected a `Budget`, or one of light"),
        ({"price": 3.0}, "`price` is 3.0; expected a `Price`, or the path"),
        ({"limits": {"in_flight": 3}}, "`limits` is {'in_flight': 3}; expected `Limits`"),
        ({"target": "5"}, "`target` is '5'; expected a number"),
        ({"target": float("nan")}, "`target` is nan; expected a number"),
        ({"on_event": 5}, "`on_event` is 5; expected a function of an event"),
        ({"cache": 5}, "`cache` is 5; expected a path, True or False"),
    ],
    ids=str,
)
def test_a_setting_of_another_type_is_refused_before_anything_is_written(
    tmp_path: Path, wrong: dict[str, Any], expected: str
) -> None:
    width = ao.Parameter(1.0, name="width", bounds=(0, 2))
    with pytest.raises(UsageError, match=re.escape(expected)):
        ao.optimize(lambda: width, parameters=width, out=tmp_path / "runs", **{"proposer": "perturb", **wrong})
    assert not (tmp_path / "runs").exists()


def test_a_name_in_feedback_that_is_no_unicode_is_kept_and_read_back(tmp_path: Path) -> None:
    width = ao.Parameter(1.0, name="width", bounds=(0, 2))
    said = ao.Feedback(1.0, "\ud800", objectives={"\ud800": 1.0}, channels={"\udfff": "\ud801"})
    ao.optimize(lambda: width, parameters=width, feedback=lambda _: said, optimizer="measure", out=tmp_path)
    stored = read_run("last", tmp_path / "agentopt.sqlite")
    write_trace(tmp_path / "kept.jsonl", stored)
    assert read_trace(tmp_path / "kept.jsonl") == stored
