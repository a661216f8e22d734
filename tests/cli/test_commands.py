"""The command line: every command, with and without --json, its exit status, and one line per mistake."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agentopt.cli.main import main
from agentopt.events import RunFinished, RunStarted
from agentopt.shelf import shelf
from agentopt.store.tracefile import read_run, read_trace
from agentopt.testing.server import LoopbackServer

TRACE = str(shelf("traces") / "numerical-branin.jsonl")
STEPS = str(shelf("traces") / "loop-box.jsonl")
COMMAND = [sys.executable, "-c", "from agentopt.cli.main import main; main()"]


@dataclass(frozen=True)
class Done:
    """What a command printed, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def words(self) -> str:
        """Standard output on one line: how it is wrapped depends on the terminal."""
        return " ".join(self.out.split())

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def is_one_clear_error(self) -> bool:
        return self.err.startswith("agentopt: ") and "Traceback" not in self.err + self.out


Agentopt = Callable[..., Done]


@pytest.fixture
def agentopt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Agentopt:
    """Runs the command in this process, in an empty folder; what it does not catch fails the test."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["agentopt", *arguments])
        status: Any = 0
        try:
            main()
        except SystemExit as end:
            status = end.code or 0
        printed = capsys.readouterr()
        return Done(int(status), printed.out, printed.err)

    return command


@pytest.fixture(scope="module", autouse=True)
def unreachable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[str]]:
    """A run against a server that is not there; it asks six times with waits, so it starts before all other tests."""
    folder = tmp_path_factory.mktemp("unreachable")
    command = [*COMMAND, "run", "branin", "--llm", "openai:m@http://127.0.0.1:9/v1", "--asks", "5"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


@pytest.fixture
def ran(agentopt: Agentopt) -> Agentopt:
    """After one run of branin, recorded in the present folder."""
    assert agentopt("run", "branin", "--proposer", "perturb", "--evaluations", "12").status == 0
    return agentopt


COMMANDS = (
    "run",
    "resume",
    "inspect",
    "compare",
    "estimate",
    "replay",
    "keep",
    "list",
    "show",
    "doctor",
    "demo",
    "vllm-serve",
)


def test_no_arguments_show_the_commands(agentopt: Agentopt) -> None:
    done = agentopt()
    for name in COMMANDS:
        assert name in done.out + done.err


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(agentopt: Agentopt, name: str) -> None:
    done = agentopt(name, "--help")
    assert done.status == 0
    assert "Usage" in done.out


_CALLS = """
import sys
from agentopt.cli.main import app
app(["keep", "--help"], standalone_mode=False)
print(*(name for name in sys.modules if name.startswith("agentopt.cli.")))
"""


def test_a_command_is_called_without_importing_the_others() -> None:
    done = subprocess.run([sys.executable, "-c", _CALLS], capture_output=True, text=True, check=True)
    imported = {name.rpartition(".")[2].replace("_", "-") for name in done.stdout.splitlines()[-1].split()}
    assert imported & set(COMMANDS) == {"keep"}


def test_an_unknown_command_is_compared_with_all_others(agentopt: Agentopt) -> None:
    assert "Did you mean 'estimate'?" in agentopt("estimat").err


@pytest.mark.parametrize("arguments", [("fly",), ("run",), ("run", "branin", "--fast"), ("list",), ("run", "a", "b")])
def test_a_command_that_is_used_wrongly_has_exit_status_2(agentopt: Agentopt, arguments: tuple[str, ...]) -> None:
    done = agentopt(*arguments)
    assert done.status == 2
    assert "Usage" in done.err
    assert "Traceback" not in done.err


# run


def test_run_prints_the_result_and_how_to_look_at_it(agentopt: Agentopt) -> None:
    done = agentopt("run", "branin", "--proposer", "perturb", "--evaluations", "12")
    assert done.status == 0
    assert "numerical/branin" in done.words
    assert "known optimum 0.397887" in done.words
    assert "look: agentopt inspect" in done.words


def test_run_shows_its_progress_on_standard_error(agentopt: Agentopt) -> None:
    assert "candidates" in agentopt("run", "branin", "--proposer", "perturb", "--evaluations", "12").err


def test_run_prints_json_and_nothing_else(agentopt: Agentopt) -> None:
    done = agentopt("run", "branin", "--proposer", "perturb", "--evaluations", "12", "--json")
    assert done.json["task"] == "numerical/branin"
    assert done.err == ""


def test_run_keeps_to_its_budget(agentopt: Agentopt) -> None:
    done = agentopt("run", "branin", "--proposer", "perturb", "--evaluations", "7", "--json")
    assert done.json["spent"]["evaluations"] <= 7


def test_run_is_the_same_under_a_seed(agentopt: Agentopt) -> None:
    runs = [
        agentopt("run", "branin", "--proposer", "perturb", "--asks", "9", "--seed", "4", "--json").json["best"]
        for _ in range(2)
    ]
    assert runs[0] == runs[1]


def test_run_records_where_it_is_told(agentopt: Agentopt, tmp_path: Path) -> None:
    agentopt("run", "branin", "--proposer", "perturb", "--asks", "3", "--out", "elsewhere")
    assert (tmp_path / "elsewhere" / "agentopt.sqlite").is_file()
    assert not (tmp_path / "runs").exists()


def test_run_takes_a_pack_by_its_folder(agentopt: Agentopt, tmp_path: Path) -> None:
    shutil.copytree(shelf("tasks") / "numerical" / "branin", tmp_path / "branin")
    assert agentopt("run", "./branin", "--proposer", "perturb", "--asks", "3").status == 0


def test_run_of_a_users_own_questions(agentopt: Agentopt, tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_text('{"question": "6 times 7?", "answer": "42"}\n')
    (tmp_path / "replies.jsonl").write_text('"42"\n')
    done = agentopt(
        "run", "prompt", "--examples", "q.jsonl", "--llm", "scripted:replies.jsonl", "--optimizer", "measure", "--json"
    )
    assert done.json["dev_best"] == 1


def test_run_of_a_users_own_problems_prints_the_rates(agentopt: Agentopt, tmp_path: Path) -> None:
    program = "import highspy\nh = highspy.Highs()\nx = h.addVariable(ub=4, name='x')\nh.maximize(3 * x)\n"
    (tmp_path / "p.jsonl").write_text('{"question": "How much?", "answer": 12}\n')
    (tmp_path / "replies.jsonl").write_text(json.dumps(program) + "\n")
    done = agentopt("run", "modeling", "--instances", "p.jsonl", "--llm", "scripted:replies.jsonl")
    assert done.status == 0
    for rate in ("executed 1", "solved 1", "proved 1"):
        assert rate in done.words


def test_run_of_benchmark_problems_prints_a_table_and_the_label_suspects(agentopt: Agentopt, tmp_path: Path) -> None:
    program = "import highspy\nh = highspy.Highs()\nx = h.addVariable(ub=4, name='x')\nh.maximize(3 * x)\n"
    rows = [{"Question": "How much?", "Answer": answer, "Type": "easy_lp", "id": i} for i, answer in enumerate("56")]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "labels.jsonl").write_text('{"id": "0", "answer": 12, "provenance": "by hand"}\n')
    (tmp_path / "replies.jsonl").write_text((json.dumps(program) + "\n") * 4)
    arguments = ("run", "modeling", "--instances", "p.jsonl", "--labels", "labels.jsonl", "--format", "mamo")
    done = agentopt(*arguments, "--llm", "scripted:replies.jsonl")
    assert "easy_lp" in done.words
    assert "label suspects (1)" in done.words
    assert "1: answer 12 (certified), label 6" in done.words
    data = agentopt(*arguments, "--pipeline", "direct", "--samples", "2", "--llm", "scripted:replies.jsonl", "--json")
    assert data.json["scores"]["rates"]["majority@2"] == 0.5
    assert data.json["scores"]["label_suspects"] == ["1"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "nosuch", "--proposer", "perturb"), "there is no task `nosuch`; `agentopt list tasks`"),
        (("run", "branin"), "asks a model; give `llm=`"),
        (("run", "branin", "--proposer", "guess"), "optoprime, perturb"),
        (("run", "branin", "--optimizer", "climb"), "greedy, measure"),
        (("run", "branin", "--llm", "gpt-5"), "names no model; expected one of"),
        (("run", "branin", "--llm", "replay:gone.jsonl"), "cannot read trace `gone.jsonl`"),
        (("run", "branin", "--llm", "scripted:gone.jsonl"), "cannot read the script `gone.jsonl`"),
        (("run", "modeling"), "needs --instances FILE"),
        (("run", "prompt"), "needs --examples FILE"),
        (("run", "branin", "--instances", "x.jsonl"), "--instances goes with `agentopt run modeling`"),
        (("run", "branin", "--examples", "x.jsonl"), "--examples goes with `agentopt run prompt`"),
        (("run", "modeling", "--instances", "gone.jsonl"), "cannot read `gone.jsonl`"),
        (("run", "modeling", "--instances", "gone.jsonl", "--route", "tree"), "no route `tree`"),
        (("run", "branin", "--proposer", "perturb", "--evaluations", "-3"), "budget `evaluations` is -3"),
        (("run", "ticket_triage", "--llm-calls", "5", "--llm", "manual:answers"), "budget `llm_calls` is 5"),
        (("inspect", "nosuch"), "no run `nosuch`"),
        (("inspect",), "no run `last`"),
        (("inspect", TRACE, "--candidate", "99"), "no candidate 99; it has 0 to"),
        (("inspect", TRACE, "--exchange", "99"), "no exchange 99; it has 0 to"),
        (("inspect", TRACE, "--diff", "0", "99"), "no candidate 99"),
        (("replay", "gone.jsonl"), "cannot read trace `gone.jsonl`"),
        (("replay", STEPS), "somebody's own"),
        (("keep", "last", "kept.jsonl"), "no run `last`"),
        (("keep", "last", "kept.txt"), "ends in .jsonl"),
        (("list", "cakes"), "tasks, traces, runs, optimizers, proposers, adapters, prompts"),
        (("show", "cake", "x"), "task, trace, prompt, optimizer, proposer"),
        (("show", "task", "nosuch"), "no task `nosuch`"),
        (("run", "booth", "--channels", "fq"), "expected some of r, hp, hn, fp, fn, g"),
        (("run", "diet", "--channels", "fp"), "tasks of kind `modeling` have no settings ['channels', 'seed']"),
        (("run", "prompt", "--examples", "x.csv", "--only", "sums"), "--only is 'sums'; expected name=value"),
        (("show", "trace", "nosuch"), "there is no trace `nosuch`"),
        (("show", "prompt", "nosuch"), "optoprime"),
        (("show", "optimizer", "nosuch"), "greedy, measure"),
        (("show", "proposer", "nosuch"), "optoprime, perturb"),
        pytest.param(
            ("run", "branin", "--proposer", "perturb", "--workers", "0"),
            "workers",
        ),
        pytest.param(
            ("run", "/no/such/pack", "--proposer", "perturb"),
            "no task `/no/such/pack`",
        ),
        pytest.param(
            ("inspect", "x" * 300),
            "no run",
        ),
        pytest.param(
            ("inspect", TRACE, "--html", "."),
            "cannot write",
        ),
        pytest.param(
            ("inspect", TRACE, "--html", "/dev/null/x.html"),
            "cannot write",
        ),
    ],
    ids=lambda value: "_".join(value)[:60].replace("/", "") if isinstance(value, tuple) else "",
)
def test_a_mistake_is_one_clear_line_and_exit_status_2(
    agentopt: Agentopt, arguments: tuple[str, ...], words: str
) -> None:
    done = agentopt(*arguments)
    assert done.status == 2
    assert done.is_one_clear_error
    assert words in done.err


def test_a_missing_key_has_exit_status_1_and_names_the_variable(agentopt: Agentopt) -> None:
    done = agentopt("run", "branin", "--llm", "openai:gpt-5-mini")
    assert done.status == 1
    assert done.is_one_clear_error
    assert "OPENAI_API_KEY" in done.err


def test_an_unknown_model_has_exit_status_1_and_is_named(agentopt: Agentopt) -> None:
    with LoopbackServer() as server:
        done = agentopt("run", "branin", "--llm", f"openai:no-such-model@{server.url}")
    assert done.status == 1
    assert "no-such-model" in done.err
    assert "Traceback" not in done.err


def test_a_run_counts_dollars_and_does_not_pay_for_known_replies(agentopt: Agentopt) -> None:
    proposal = '{"reasoning": "try", "changes": {"x1": 3.0, "x2": 2.0}}'
    with LoopbackServer(lambda _: proposal) as server:
        llm = f"openai:{server.model}@{server.url}"
        limits = ("--llm-calls", "2", "--usd", "5", "--in-flight", "4")
        command = ("run", "branin", "--llm", llm, *limits, "--price", "1,2.5", "--cache", "known.sqlite")
        paid = agentopt(*command, "--json").json["spent"]
        asked = len(server.requests)
        assert agentopt(*command).status == 0
    words = sum(len(m["content"].split()) for r in server.requests[:asked] for m in r.body["messages"])
    assert paid["llm_calls"] == asked == 2
    assert paid["usd"] == pytest.approx((words + 2.5 * 2 * len(proposal.split())) / 1e6)
    assert "2 known replies" in agentopt("inspect", "last").words


def test_dollars_without_a_price_are_a_usage_error_that_names_the_option(agentopt: Agentopt) -> None:
    done = agentopt("run", "branin", "--llm", "openai:m@http://127.0.0.1:9/v1", "--usd", "1")
    assert (done.status, done.is_one_clear_error) == (2, True)
    assert "--price PROMPT,COMPLETION" in done.err


@pytest.mark.parametrize(
    "option", [("--price", "cheap"), ("--price", "1"), ("--in-flight", "0"), ("--cache", ".")], ids=" ".join
)
def test_a_bad_option_of_price_limit_or_cache_is_a_usage_error(agentopt: Agentopt, option: tuple[str, str]) -> None:
    done = agentopt("run", "branin", "--llm", "openai:m@http://127.0.0.1:9/v1", *option)
    assert (done.status, done.is_one_clear_error) == (2, True)


def test_vllm_serve_says_how_to_install_vllm(agentopt: Agentopt) -> None:
    done = agentopt("vllm-serve", "some/model", "--port", "0")
    assert done.status == 1
    assert "pip install 'agentopt[vllm]'" in done.err
    assert "Traceback" not in done.err


def test_an_unknown_model_leaves_a_record_that_says_why(agentopt: Agentopt) -> None:
    with LoopbackServer() as server:
        agentopt("run", "branin", "--llm", f"openai:no-such-model@{server.url}")
    assert "ModelUnavailable" in agentopt("inspect", "last").words


def test_a_malformed_pack_is_named_with_its_line(agentopt: Agentopt, tmp_path: Path) -> None:
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "task.toml").write_text("schema = 1\nkind = numerical\n")
    done = agentopt("run", "./toy")
    assert (done.status, done.is_one_clear_error) == (2, True)
    assert "toy/task.toml: " in done.err
    assert "line 2" in done.err


def test_a_start_out_of_bounds_is_named_with_its_key(agentopt: Agentopt, tmp_path: Path) -> None:
    shutil.copytree(shelf("tasks") / "numerical" / "branin", tmp_path / "branin")
    path = tmp_path / "branin" / "task.toml"
    path.write_text(path.read_text().replace("x = 2.5", "x = 99.0"))
    done = agentopt("run", "./branin", "--proposer", "perturb")
    assert (done.status, done.is_one_clear_error) == (2, True)
    assert "branin/task.toml: `start.x` is 99.0" in done.err


@pytest.mark.parametrize(
    ("option", "name", "row", "words"),
    [
        ("--instances", "modeling", "{broken", "rows.jsonl:2: not JSON"),
        ("--instances", "modeling", '{"answer": 5}', "rows.jsonl:2: `question` must be a string"),
        ("--examples", "prompt", '{"question": "q"}', "rows.jsonl:2: `answer` must be a string"),
        ("--examples", "prompt", "[]", "rows.jsonl:2: expected a JSON object"),
    ],
)
def test_a_malformed_line_is_named_with_file_and_line(
    agentopt: Agentopt, tmp_path: Path, option: str, name: str, row: str, words: str
) -> None:
    good = json.dumps({"question": "q", "answer": "a" if name == "prompt" else 1})
    (tmp_path / "rows.jsonl").write_text(f"{good}\n{row}\n")
    done = agentopt("run", name, option, "rows.jsonl", "--llm", "manual:answers")
    assert (done.status, done.is_one_clear_error) == (2, True)
    assert words in done.err


def test_a_malformed_trace_is_named_with_file_and_line(agentopt: Agentopt, tmp_path: Path) -> None:
    lines = Path(TRACE).read_text(encoding="utf-8").split("\n")
    (tmp_path / "t.jsonl").write_text("\n".join([*lines[:2], "{broken", *lines[2:]]), encoding="utf-8")
    for command in ("inspect", "replay"):
        done = agentopt(command, "t.jsonl")
        assert (done.status, done.is_one_clear_error) == (2, True)
        assert "t.jsonl:3: not JSON" in done.err


# inspect, keep, replay


def test_inspect_shows_the_last_run(ran: Agentopt) -> None:
    for done in (ran("inspect"), ran("inspect", "last")):
        assert done.status == 0
        assert "numerical/branin" in done.words
        assert "perturb" in done.words


def test_inspect_shows_a_run_by_its_id(ran: Agentopt) -> None:
    (row,) = ran("list", "runs", "--json").json
    assert row["name"] in ran("inspect", row["name"]).words


def test_inspect_shows_a_trace_file(agentopt: Agentopt) -> None:
    assert "numerical/branin" in agentopt("inspect", TRACE).words


def test_inspect_shows_a_candidate(agentopt: Agentopt) -> None:
    assert "2.5" in agentopt("inspect", TRACE, "--candidate", "0").words


def test_inspect_shows_a_difference(agentopt: Agentopt) -> None:
    done = agentopt("inspect", TRACE, "--diff", "0", "1")
    assert "-2.5" in done.words
    assert "of 1" in done.words


def test_inspect_says_where_there_is_no_difference(agentopt: Agentopt) -> None:
    assert agentopt("inspect", TRACE, "--diff", "0", "0").words == "no difference"


def test_inspect_shows_an_exchange(agentopt: Agentopt) -> None:
    done = agentopt("inspect", TRACE, "--exchange", "0")
    assert "You improve the parameters of a workflow" in done.words
    assert "reply (optimizer" in done.words


@pytest.mark.parametrize(
    ("options", "key"),
    [
        (("--step", "1"), "reasoning"),
        (("--candidate", "0"), "values"),
        (("--diff", "0", "1"), "x"),
        (("--exchange", "0"), "request"),
        (("--node", "x", "--candidate", "0"), "node"),
    ],
)
def test_inspect_prints_each_view_as_text_and_as_json(agentopt: Agentopt, options: tuple[str, ...], key: str) -> None:
    assert agentopt("inspect", TRACE, *options).words
    assert key in agentopt("inspect", TRACE, *options, "--json").json


def test_inspect_says_that_an_instance_needs_a_node(agentopt: Agentopt) -> None:
    done = agentopt("inspect", TRACE, "--instance", "branin")
    assert done.status == 2
    assert "give `--node` too" in done.err


def test_inspect_writes_a_page(agentopt: Agentopt, tmp_path: Path) -> None:
    assert agentopt("inspect", TRACE, "--html", "new/page.html").status == 0
    assert (tmp_path / "new" / "page.html").read_text().startswith("<!doctype html>")


def test_inspect_prints_the_events_as_json(agentopt: Agentopt) -> None:
    events = agentopt("inspect", TRACE, "--json").json
    assert [e["kind"] for e in events] == [s.event.kind for s in read_trace(Path(TRACE))]


def test_inspect_shows_a_trace_of_steps(agentopt: Agentopt) -> None:
    assert "handle" in agentopt("inspect", STEPS).words


def test_keep_writes_a_trace_that_replays(ran: Agentopt, tmp_path: Path) -> None:
    assert "wrote kept.jsonl" in ran("keep", "last", "kept.jsonl").words
    done = ran("replay", "kept.jsonl")
    assert done.status == 0
    assert "events happened again" in done.words


def test_keep_does_not_replace_a_file_unless_told(ran: Agentopt, tmp_path: Path) -> None:
    (tmp_path / "kept.jsonl").write_text("precious")
    done = ran("keep", "last", "kept.jsonl")
    assert (done.status, (tmp_path / "kept.jsonl").read_text()) == (2, "precious")
    assert "--force replaces it" in done.err
    assert ran("keep", "last", "kept.jsonl", "--force").status == 0


def test_replay_prints_json(agentopt: Agentopt) -> None:
    report = agentopt("replay", TRACE, "--json").json
    assert (report["is_same"], report["missing"], report["added"]) == (True, [], [])


def test_replay_of_another_history_has_exit_status_1_and_says_what_differs(agentopt: Agentopt, tmp_path: Path) -> None:
    text = Path(TRACE).read_text(encoding="utf-8")
    (tmp_path / "t.jsonl").write_text(text.replace('"origin": "start"', '"origin": "elsewhere"'), encoding="utf-8")
    done = agentopt("replay", "t.jsonl")
    assert done.status == 1
    assert "not again:" in done.words
    assert "instead:" in done.words


def test_a_strict_mismatch_has_exit_status_1(agentopt: Agentopt, tmp_path: Path) -> None:
    text = Path(TRACE).read_text(encoding="utf-8")
    (tmp_path / "t.jsonl").write_text(text.replace("# Objective", "# Goal"), encoding="utf-8")
    done = agentopt("replay", "t.jsonl")
    assert (done.status, done.is_one_clear_error) == (1, True)
    assert "was recorded as" in done.err


def test_a_loose_replay_goes_on_after_a_mismatch(agentopt: Agentopt, tmp_path: Path) -> None:
    text = Path(TRACE).read_text(encoding="utf-8")
    (tmp_path / "t.jsonl").write_text(text.replace("# Objective", "# Goal"), encoding="utf-8")
    done = agentopt("replay", "t.jsonl", "--loose", "--json")
    assert done.status == 1
    assert done.json["result"]["reason"]


# compare, resume


def test_compare_shows_two_runs_and_their_paired_difference(agentopt: Agentopt) -> None:
    for seed in ("1", "2"):
        agentopt("run", "branin", "--proposer", "perturb", "--evaluations", "12", "--seed", seed)
    runs = [row["name"] for row in agentopt("list", "runs", "--json").json]
    assert "gains are paired by instance on train" in agentopt("compare", *runs).words
    compared = agentopt("compare", *runs, TRACE, "--json").json
    assert [run["run"] for run in compared["runs"]][:2] == runs
    assert compared["runs"][2]["gain"]["count"] == 1


def test_compare_runs_optimizers_under_one_budget(agentopt: Agentopt) -> None:
    words = ("compare", "branin", "--optimizers", "random:batch=2,one-plus-one", "--evaluations", "8", "--seeds", "2")
    assert "one-plus-one" in agentopt(*words).words
    rows = agentopt(*words, "--json").json
    assert [row["optimizer"] for row in rows] == ["random:batch=2", "one-plus-one"]
    assert [row["spent"]["evaluations"] for row in rows] == [8, 8]
    assert "a budget" in agentopt(*words[:4]).err


def test_estimate_says_what_a_budget_buys_and_records_nothing(agentopt: Agentopt) -> None:
    words = ("estimate", "ticket_triage", "--optimizer", "gepa", "--llm-calls", "100")
    assert "optimizer calls" in agentopt(*words).words
    found = agentopt(*words, "--json").json
    assert found["optimizer_calls"][1] + found["workflow_calls"][1] <= 100
    assert agentopt("list", "runs", "--json").json == []


def test_compare_refuses_runs_of_different_tasks(ran: Agentopt) -> None:
    done = ran("compare", "last", str(shelf("traces") / "numerical-hartmann6.jsonl"))
    assert (done.status, done.is_one_clear_error) == (2, True)
    assert "different tasks" in done.err


def test_resume_goes_on_with_a_larger_budget(ran: Agentopt) -> None:
    assert "give it a larger budget" in ran("resume").err
    done = ran("resume", "--evaluations", "20", "--json")
    assert done.json["spent"]["evaluations"] == 20
    assert done.err == ""
    assert "numerical/branin" in ran("inspect").words


def test_resume_of_a_larger_budget_says_what_was_before(ran: Agentopt) -> None:
    assert "going on after best" in ran("resume", "last", "--evaluations", "20").err


def test_resume_keeps_the_limits_that_it_is_not_given(agentopt: Agentopt) -> None:
    agentopt("run", "branin", "--proposer", "perturb", "--evaluations", "12", "--asks", "15", "--seed", "1")
    done = agentopt("resume", "--evaluations", "1000", "--json")
    assert done.json["spent"]["asks"] == 15
    assert "budget `asks` has 0 of 15 left" in done.json["reason"]


def test_a_record_that_was_given_a_larger_budget_is_not_replayed(ran: Agentopt) -> None:
    ran("resume", "--evaluations", "20")
    ran("keep", "last", "kept.jsonl")
    done = ran("replay", "kept.jsonl")
    assert (done.status, done.is_one_clear_error) == (2, True)
    assert "resumed with a larger budget" in done.err


# list, show, doctor


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("tasks", "numerical/branin"),
        ("traces", "numerical-branin.jsonl"),
        ("optimizers", "greedy"),
        ("proposers", "optoprime"),
        ("adapters", "modeling"),
        ("prompts", "optoprime"),
    ],
)
def test_list_names_what_there_is(agentopt: Agentopt, kind: str, name: str) -> None:
    assert name in agentopt("list", kind).words
    assert name in [row["name"] for row in agentopt("list", kind, "--json").json]


def test_list_of_runs_says_where_there_are_none(agentopt: Agentopt) -> None:
    assert agentopt("list", "runs").words == "there are no runs"
    assert agentopt("list", "runs", "--json").json == []


def test_list_of_nothing_makes_no_folder(agentopt: Agentopt, tmp_path: Path) -> None:
    agentopt("list", "runs")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("task", "branin", "three equal minima"),
        ("trace", "numerical-branin.jsonl", "numerical/branin"),
        ("prompt", "optoprime", "You improve the parameters"),
        ("optimizer", "greedy", "minibatch"),
        ("proposer", "perturb", "scale"),
    ],
)
def test_show_shows_the_thing_whole(agentopt: Agentopt, kind: str, name: str, words: str) -> None:
    assert words in agentopt("show", kind, name).words
    assert words in json.dumps(agentopt("show", kind, name, "--json").json)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("oven_recipe", "instances: train 8, dev 16, test 32"),
        ("booth", "run: agentopt run numerical/booth --proposer perturb"),
        ("match_colour", "zo-rank:judge=llm --llm manual:"),
        ("farm_slips", "A dozen is 13 pieces"),
        ("diet", "run: agentopt run modeling/diet --llm"),
    ],
)
def test_show_of_a_task_has_its_readme_its_size_and_a_command(agentopt: Agentopt, name: str, words: str) -> None:
    assert words in agentopt("show", "task", name).words


def test_run_takes_channels_and_a_table_with_names_of_its_own(agentopt: Agentopt, tmp_path: Path) -> None:
    done = agentopt("run", "booth", "--channels", "fp,hn", "--optimizer", "measure", "--json")
    assert done.json["dev_start"] == -65
    (tmp_path / "fragen.csv").write_text("Thema,Frage,Antwort\nsums,6 × 7?,42\ndates,When?,never\n")
    (tmp_path / "replies.jsonl").write_text('"It is 42."\n')
    named = ("--columns", "question=Frage, answer=Antwort", "--only", "Thema=sums", "--scorer", "number")
    llm = ("--llm", f"scripted:{tmp_path / 'replies.jsonl'}", "--optimizer", "measure")
    done = agentopt("run", "prompt", "--examples", str(tmp_path / "fragen.csv"), *named, *llm, "--json")
    assert done.json["dev_start"] == 1


def test_doctor_says_what_there_is(agentopt: Agentopt) -> None:
    done = agentopt("doctor")
    assert done.status == 0
    for words in ("highspy", "OPENAI_API_KEY not set", "network", "processes"):
        assert words in done.words


def test_doctor_prints_json(agentopt: Agentopt) -> None:
    report = agentopt("doctor", "--json").json
    assert set(report) == {"machine", "packages", "extras", "models", "sandbox"}
    assert report["packages"]["highspy"] != "not installed"


def test_doctor_does_not_print_the_key(agentopt: Agentopt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789abcdef")
    assert "0123456789" not in agentopt("doctor").out + agentopt("doctor", "--json").out


# as a process of its own


def process(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if k != "OPENAI_API_KEY"}
    return subprocess.run(
        [*COMMAND, *arguments], cwd=folder, env={**env, **environment}, capture_output=True, text=True, timeout=60
    )


def test_a_usage_error_of_the_process_has_exit_status_2(tmp_path: Path) -> None:
    done = process(tmp_path, "run", "nosuch")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "agentopt: there is no task `nosuch`; `agentopt list tasks` shows those there are\n"


def test_json_in_a_pipe_is_plain_json(tmp_path: Path) -> None:
    done = process(tmp_path, "list", "tasks", "--json", FORCE_COLOR="1", COLUMNS="20")
    assert "numerical/branin" in [row["name"] for row in json.loads(done.stdout)]


def test_an_ascii_terminal_does_not_break_the_output(tmp_path: Path) -> None:
    done = process(tmp_path, "inspect", TRACE, PYTHONIOENCODING="ascii", LC_ALL="C")
    assert "Traceback" not in done.stderr


def test_an_unreachable_server_is_named_without_a_traceback(unreachable: subprocess.Popen[str]) -> None:
    out, err = unreachable.communicate(timeout=60)
    assert unreachable.returncode == 1
    assert "http://127.0.0.1:9" in err
    assert "asked 6 times" in err
    assert "Traceback" not in out + err


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, str]:
    """Folder, exit status and standard error of a run that was interrupted while it measured."""
    folder = tmp_path_factory.mktemp("interrupted")
    shutil.copytree(shelf("tasks") / "numerical" / "branin", folder / "branin")
    with (folder / "branin" / "cost.py").open("a") as file:
        file.write(
            "\n\nfast = cost\n\n\ndef cost(x, y):\n    import time\n\n    time.sleep(0.01)\n    return fast(x, y)\n"
        )
    command = [*COMMAND, "run", "./branin", "--proposer", "perturb", "--evaluations", "100000", "--asks", "100000"]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        while "candidates" not in running.stderr.readline():
            pass
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=30)
    return folder, running.returncode, err


def test_an_interrupted_run_has_exit_status_130_and_no_traceback(interrupted: tuple[Path, int, str]) -> None:
    _, status, err = interrupted
    assert status == 130
    assert "Traceback" not in err


def test_an_interrupted_run_says_where_its_record_is(interrupted: tuple[Path, int, str]) -> None:
    assert "agentopt: interrupted; what was done is in the record" in interrupted[2]


def test_an_interrupted_run_is_resumed(interrupted: tuple[Path, int, str], tmp_path: Path) -> None:
    shutil.copytree(interrupted[0], tmp_path / "again")
    done = process(tmp_path / "again", "resume", "--evaluations", "40", "--json")
    whole = process(tmp_path / "again", "run", "./branin", "--proposer", "perturb", "--evaluations", "40", "--json")
    assert done.returncode == whole.returncode == 0
    for key in ("best", "reason", "dev_best"):
        assert json.loads(done.stdout)[key] == json.loads(whole.stdout)[key]


def test_an_interrupted_run_says_how_to_go_on(interrupted: tuple[Path, int, str]) -> None:
    header = read_run("last", interrupted[0] / "runs" / "agentopt.sqlite")[0].event
    assert isinstance(header, RunStarted)
    assert f"agentopt: to go on from there: agentopt resume {header.run}" in interrupted[2]


def test_an_interrupted_run_has_a_whole_record(interrupted: tuple[Path, int, str]) -> None:
    last = read_run("last", interrupted[0] / "runs" / "agentopt.sqlite")[-1].event
    assert isinstance(last, RunFinished)
    assert last.error.startswith("KeyboardInterrupt")
