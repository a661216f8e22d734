"""Starting and stopping a server, with a stand-in for vLLM that has its module's name and its /health."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from agentopt.errors import MissingDependency, ModelUnavailable, UsageError
from agentopt.llm.vllm_server import VLLMServer

STAND_IN = textwrap.dedent(
    '''
    """Serves /health after a moment, with a child process as vLLM has; `--model broken` ends at once."""
    import os, subprocess, sys, time
    from http.server import BaseHTTPRequestHandler, HTTPServer

    options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
    if options["--model"] == "broken":
        print("ValueError: no such model: broken", flush=True)
        sys.exit(3)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    print("pids", os.getpid(), child.pid, flush=True)
    if options["--model"] == "slow":
        time.sleep(600)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/health" else 404)
            self.end_headers()
        def log_message(self, *args):
            pass

    HTTPServer((options["--host"], int(options["--port"])), Handler).serve_forever()
    '''
)


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    """Arguments of a `VLLMServer` that finds the stand-in and nothing of this environment's own."""
    package = tmp_path / "site" / "vllm" / "entrypoints" / "openai"
    package.mkdir(parents=True)
    (package / "api_server.py").write_text(STAND_IN)
    return {"environ": {"PYTHONPATH": str(tmp_path / "site")}, "log": tmp_path / "logs" / "vllm.log"}


def pids(log: Path) -> list[int]:
    line = next(line for line in log.read_text().splitlines() if line.startswith("pids"))
    return [int(word) for word in line.split()[1:]]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(processes: list[int], within_s: float = 20.0) -> bool:
    """Whether all have ended, waiting for it a little."""
    end = time.monotonic() + within_s
    while any(map(is_running, processes)) and time.monotonic() < end:
        time.sleep(0.02)
    return not any(map(is_running, processes))


def test_it_serves_inside_the_block_and_nothing_is_left_after(settings: dict[str, Any]) -> None:
    with VLLMServer("m", arguments=["--served-model-name", "short"], **settings) as server:
        with urllib.request.urlopen(server.url.removesuffix("/v1") + "/health") as response:
            assert response.status == 200
        assert server.spec == f"vllm:short@{server.url}"
        running = pids(settings["log"])
        assert len(running) == 2
        assert all(map(is_running, running))
    assert gone(running)


def test_an_error_in_the_block_stops_it_too(settings: dict[str, Any]) -> None:
    with pytest.raises(ZeroDivisionError), VLLMServer("m", **settings):
        raise ZeroDivisionError
    assert gone(pids(settings["log"]))


def test_an_end_at_the_start_is_an_error_with_the_last_lines_of_the_log(settings: dict[str, Any]) -> None:
    with pytest.raises(ModelUnavailable, match=r"status 3(.|\n)*vllm\.log(.|\n)*no such model: broken"):
        VLLMServer("broken", **settings).__enter__()


def test_a_start_that_takes_too_long_is_an_error_and_stopped(settings: dict[str, Any]) -> None:
    waited: list[float] = []
    with pytest.raises(ModelUnavailable, match="not ready within 1 s"):
        VLLMServer("slow", ready_within_s=1, on_wait=waited.append, **settings).__enter__()
    assert waited == sorted(waited)
    assert gone(pids(settings["log"]))


def test_an_end_while_serving_is_an_error(settings: dict[str, Any]) -> None:
    with VLLMServer("m", **settings) as server:
        first, child = pids(settings["log"])
        os.kill(first, signal.SIGKILL)
        with pytest.raises(ModelUnavailable, match="ended with status 137"):
            server.wait()
        assert gone([child])


def test_a_taken_port_is_a_usage_error(settings: dict[str, Any]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port}: Address already in use"):
            VLLMServer("m", port=port, **settings).__enter__()


def test_a_missing_vllm_is_named_with_the_pip_command(tmp_path: Path) -> None:
    with pytest.raises(MissingDependency, match=r"pip install 'agentopt\[vllm\]'"):
        VLLMServer("m", log=tmp_path / "vllm.log").__enter__()


def test_a_python_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere"):
        VLLMServer("m", python=tmp_path / "nowhere", log=tmp_path / "vllm.log").__enter__()


def test_a_log_that_cannot_be_written_is_a_usage_error(settings: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="log"):
        VLLMServer("m", **{**settings, "log": tmp_path / "file" / "vllm.log"}).__enter__()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_command_takes_its_server_with_it(settings: dict[str, Any], number: signal.Signals) -> None:
    log = settings["log"]
    code = "from agentopt.cli.main import main; main()"
    arguments = ["vllm-serve", "m", "--port", "0", "--log", str(log), "--", "--served-model-name", "short"]
    environ = {**os.environ, **settings["environ"]}
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    line = process.stdout.readline().decode()
    assert line.startswith("--llm vllm:short@http://127.0.0.1:")
    running = pids(log)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert gone(running)
    assert b"Traceback" not in errors
    assert process.returncode == (130 if number == signal.SIGINT else -number)
