"""The local server, asked in this process: what it shows, what it changes, and all that it refuses."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

import agentopt as ao
from agentopt.budget import Budget
from agentopt.catalog import load_task
from agentopt.events import RunStarted
from agentopt.inspector.document import candidate_piece, exchanges_piece, run_document
from agentopt.inspector.guard import Guard
from agentopt.inspector.live import LiveRecord
from agentopt.inspector.server import make_app
from agentopt.inspector.view import view
from agentopt.shelf import shelf
from agentopt.store.control import Control
from agentopt.store.lock import run_lock
from agentopt.store.sqlite import Store, StoredEvent
from agentopt.store.tracefile import read_run, read_trace

TOKEN = "s3cret"
HOST = "127.0.0.1:8765"
HOSTILE = "../../etc/passwd"
TRACE = "prompt-ticket_triage.jsonl"


class Server:
    """A server on the record in a folder, and a client that has the token."""

    def __init__(self, folder: Path) -> None:
        self.store = folder / "agentopt.sqlite"
        self.app = make_app(LiveRecord(self.store, reviewer="Ada"), Guard(port=8765, token=TOKEN))

    def ask(self, method: str, path: str, headers: dict[str, str] | None = None, **options: Any) -> httpx.Response:
        given = {"Host": HOST, "Authorization": f"Bearer {TOKEN}"} if headers is None else headers

        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
                return await client.request(method, path, headers=given, **options)

        return asyncio.run(asked())

    def get(self, path: str) -> Any:
        reply = self.ask("GET", path)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def post(self, path: str, data: Any) -> httpx.Response:
        return self.ask("POST", path, json=data)


def branin(server: Server) -> str:
    """The id of the run of the pack."""
    return next(str(one["run"]) for one in server.get("/data/runs.json") if one["task"] == "numerical/branin")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of a pack, a kept run with exchanges, and one with a hostile id."""
    folder = tmp_path_factory.mktemp("recorded")
    ao.optimize(load_task("numerical/branin"), proposer="perturb", budget=Budget(asks=4), out=folder)
    with Store(folder / "agentopt.sqlite") as store:
        stored = read_trace(shelf("traces") / TRACE)
        store.add_run(stored)
        header = stored[0].event
        assert isinstance(header, RunStarted)
        named = header.model_copy(update={"run": HOSTILE})
        store.add_run([StoredEvent(0, 1.0, named), *stored[1:12]])
    return folder


@pytest.fixture
def server(recorded: Path, tmp_path: Path) -> Server:
    shutil.copytree(recorded, tmp_path / "runs")
    return Server(tmp_path / "runs")


def test_the_token_becomes_a_cookie_that_no_script_and_no_other_site_has(server: Server) -> None:
    reply = server.ask("GET", f"/?token={TOKEN}", {"Host": HOST})
    assert (reply.status_code, reply.headers["location"]) == (303, "/")
    cookie = reply.headers["set-cookie"].lower()
    assert {"httponly", "samesite=strict", "path=/"} <= {part.strip() for part in cookie.split(";")}
    sent = {"Host": HOST, "Cookie": f"agentopt_8765={TOKEN}"}
    assert server.ask("GET", "/", sent).status_code == 200
    assert TOKEN not in server.ask("GET", "/", sent).text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/?token=wrong", 403),
        ("/?token=", 403),
        ("/", 401),
        ("/run", 401),
        (f"/states?token={TOKEN}", 401),
        ("/x", 401),
    ],
)
def test_a_browser_without_the_token_sees_nothing(server: Server, path: str, status: int) -> None:
    reply = server.ask("GET", path, {"Host": HOST})
    assert reply.status_code == status
    assert "branin" not in reply.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example:8765"},
        {"Host": HOST, "Origin": "http://evil.example"},
        {"Host": HOST, "Origin": "null"},
    ],
)
@pytest.mark.parametrize("path", ["/", "/states", f"/?token={TOKEN}"])
def test_strangers_are_refused_even_with_the_token(server: Server, path: str, headers: dict[str, str]) -> None:
    reply = server.ask("GET", path, {**headers, "Authorization": f"Bearer {TOKEN}"})
    assert reply.status_code == 403
    assert "set-cookie" not in reply.headers


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/stop"), ("GET", "/resume"), ("GET", "/answer"), ("PUT", "/stop"), ("POST", "/"), ("DELETE", "/states")],
)
def test_other_methods_are_refused(server: Server, method: str, path: str) -> None:
    assert server.ask(method, path).status_code == 405


def test_every_reply_is_kept_by_nobody_and_framed_by_nobody(server: Server) -> None:
    for path in ("/", "/run", "/states", "/data/runs.json", "/data/none.json"):
        headers = server.ask("GET", path).headers
        assert headers["cache-control"] == "no-store"
        assert headers["content-security-policy"] == "frame-ancestors 'none'"
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    "path",
    [
        "/data/../agentopt.sqlite",
        "/data/..%2fagentopt.sqlite.json",
        "/data/%2e%2e%2f%2e%2e%2fetc%2fpasswd%00.json",
        "/data//etc/passwd.json",
        "/data/none.json",
        "/data/none/candidate/0.json",
        "/data/.json",
        "/agentopt.sqlite",
        "/browser/live.js",
    ],
)
def test_paths_lead_nowhere_but_to_runs(server: Server, path: str) -> None:
    assert server.ask("GET", path).status_code == 404


def test_a_run_with_a_hostile_id_is_only_text(server: Server) -> None:
    listed = server.get("/states")["runs"]
    hostile = next(one for one in listed if one["run"] == HOSTILE)
    assert (hostile["state"], hostile["can_resume"]) == ("interrupted", False)
    assert server.get("/data/..%2F..%2Fetc%2Fpasswd.json")["run"] == HOSTILE
    assert server.get("/data/..%2F..%2Fetc%2Fpasswd/candidate/0.json") != []
    for path in ("/stop", "/resume"):
        assert server.post(path, {"run": HOSTILE}).status_code == 409
    assert sorted(p.name for p in server.store.parent.iterdir() if "passwd" in p.name) == []


def test_documents_and_pieces_are_those_of_the_whole_record(server: Server) -> None:
    for stands in server.get("/states")["runs"]:
        if stands["run"] == HOSTILE:
            continue
        whole = view(read_run(stands["run"], server.store))
        assert server.get(f"/data/{stands['run']}.json") == httpx.Response(200, json=run_document(whole)).json()
        assert server.get(f"/data/{stands['run']}/candidate/0.json") == candidate_piece(whole, 0)
        assert server.get(f"/data/{stands['run']}/exchanges/0.json") == exchanges_piece(whole, 0)
        assert server.get(f"/data/{stands['run']}/exchanges/999.json") == []
        assert server.ask("GET", f"/data/{stands['run']}/candidate/999.json").status_code == 404


def merged(known: dict[str, Any], news: dict[str, Any]) -> dict[str, Any]:
    """A document with what is new in it."""
    keys = {"candidates": "candidate", "steps": "step", "exchanges": "exchange"}
    lists = {n: list({one[k]: one for one in [*known.get(n, []), *news[n]]}.values()) for n, k in keys.items()}
    return {**known, **news, **lists}


@pytest.mark.parametrize("after", ["x", "-2", "1.5", "", "9" * 16])
def test_a_serial_that_is_none_is_refused(server: Server, after: str) -> None:
    assert server.ask("GET", f"/data/{branin(server)}.json?after={after}").status_code == 404


def test_what_is_written_later_is_in_the_next_document(server: Server) -> None:
    stored = read_trace(shelf("traces") / TRACE)
    header = stored[0].event
    assert isinstance(header, RunStarted)
    known: dict[str, Any] = {}
    with Store(server.store, clock=lambda: 5.0) as store:
        events = [header.model_copy(update={"run": "grows"}), *(s.event for s in stored[1:])]
        for number, event in enumerate(events):
            store.append("grows", event)
            if number in (0, 1, 7, len(events) // 2, len(events) - 1):
                expected = run_document(view(store.events("grows")))
                assert server.get("/data/grows.json") == httpx.Response(200, json=expected).json()
                known = merged(known, server.get(f"/data/grows.json?after={known.get('last', -1)}"))
                assert known == server.get("/data/grows.json")
                (stands,) = server.get("/states?run=grows")["runs"]
                assert stands["last"] == number
    assert stands["state"] == "finished"
    assert stands["score"] == expected["dev"]["best"]


def test_the_record_is_never_written(server: Server) -> None:
    before = server.store.read_bytes()
    writer = sqlite3.connect(server.store, isolation_level=None)
    writer.execute("begin immediate")
    for path in ("/states", "/data/runs.json", f"/data/{branin(server)}.json"):
        server.get(path)
    writer.execute("rollback")
    writer.close()
    assert server.store.read_bytes() == before


def test_a_record_that_is_not_there_yet_has_no_runs(tmp_path: Path) -> None:
    server = Server(tmp_path)
    assert server.get("/states") == {"runs": [], "questions": []}
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_record_is_a_problem_and_no_crash(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.store.write_bytes(b"something else altogether" * 100)
    reply = server.ask("GET", "/states")
    assert reply.status_code == 404
    assert "cannot read the record" in reply.json()["problem"]


def test_only_a_run_that_goes_on_can_be_stopped(server: Server) -> None:
    run = branin(server)
    reply = server.post("/stop", {"run": run})
    assert (reply.status_code, "nothing to stop" in reply.json()["problem"]) == (409, True)
    assert not Control(server.store).is_stop_asked(run)
    with run_lock(server.store, run):
        assert server.post("/stop", {"run": run}).status_code == 200
    assert Control(server.store).is_stop_asked(run)


def test_a_finished_run_is_not_resumed(server: Server) -> None:
    run = branin(server)
    reply = server.post("/resume", {"run": run})
    assert (reply.status_code, "larger budget" in reply.json()["problem"]) == (409, True)
    assert server.post("/resume", {"run": "none"}).status_code == 409


def test_a_run_of_own_code_says_how_it_is_resumed(tmp_path: Path) -> None:
    x = ao.Parameter(0.5, name="x", bounds=(0, 1))

    def stopping(question: ao.Question) -> ao.Decision:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ao.optimize(lambda: x + 0, parameters=x, feedback=float, proposer="perturb", review=stopping, out=tmp_path)
    server = Server(tmp_path)
    (stands,) = server.get("/states")["runs"]
    assert (stands["state"], stands["can_resume"]) == ("interrupted", False)
    assert "agentopt.resume(" in stands["hint"]
    assert "agentopt.resume(" in server.post("/resume", {"run": stands["run"]}).json()["problem"]


def test_a_run_that_cannot_be_resumed_says_why(tmp_path: Path) -> None:
    pack = tmp_path / "branin"
    shutil.copytree(shelf("tasks") / "numerical" / "branin", pack)

    def stopping(question: ao.Question) -> ao.Decision:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ao.optimize(load_task(str(pack)), proposer="perturb", review=stopping, out=tmp_path)
    shutil.rmtree(pack)
    server = Server(tmp_path)
    run = server.get("/data/runs.json")[0]["run"]
    assert server.post("/resume", {"run": run}).status_code == 200
    while not (stands := server.get("/states")["runs"][0])["hint"]:
        assert stands["state"] in ("running", "interrupted")
        time.sleep(0.1)
    assert "there is no task" in stands["hint"]
    assert "there is no task" in (tmp_path / f"agentopt.sqlite.{run}.log").read_text()


def test_the_first_answer_counts_and_says_who_gave_it(server: Server) -> None:
    control = Control(server.store)
    control.put("r", "d", {"kind": "proposal", "changes": {"x": "</script><b>"}, "problem": ""})
    (question,) = server.get("/states")["questions"]
    decision = {"verdict": "rejected", "words": "no", "by": "somebody else"}
    assert server.post("/answer", {"number": question["number"], "decision": decision}).status_code == 200
    assert server.get("/states")["questions"] == []
    again = server.post("/answer", {"number": question["number"], "decision": {"verdict": "accepted"}})
    assert (again.status_code, again.json()["problem"]) == (409, "this question was answered already")
    answer = control.take_answer("r", "d")
    assert answer is not None
    assert (answer["by"], answer["words"]) == ("Ada", "no")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({}, 409),
        ({"number": 1}, 409),
        ({"number": True, "decision": {"verdict": "accepted"}}, 409),
        ({"number": 10**30, "decision": {"verdict": "accepted"}}, 409),
        ({"number": 1, "decision": {"verdict": "maybe"}}, 409),
        ({"number": 1, "decision": {"verdict": "accepted"}}, 409),
        ([], 400),
        ("accepted", 400),
    ],
)
def test_what_is_no_answer_is_refused(server: Server, data: Any, status: int) -> None:
    reply = server.post("/answer", data)
    assert reply.status_code == status
    assert reply.json()["problem"]


def test_bodies_are_json_and_not_endless(server: Server) -> None:
    headers = {"Host": HOST, "Authorization": f"Bearer {TOKEN}"}
    as_form = server.ask("POST", "/stop", {**headers, "Content-Type": "text/plain"}, content='{"run": "r"}')
    assert as_form.status_code == 415
    as_json = {**headers, "Content-Type": "application/json"}
    assert server.ask("POST", "/stop", as_json, content="[" * 100_000).status_code == 400
    assert server.ask("POST", "/stop", as_json, content=b"\xff\xfe").status_code == 400
    assert server.ask("POST", "/stop", as_json, content=b" " * 2_000_001).status_code == 413
