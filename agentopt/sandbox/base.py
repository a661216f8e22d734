"""What every sandbox is: a place to call Python that a model wrote, with limits, data in and data out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, Self

Status = Literal["ok", "error", "timeout", "memory", "output", "killed"]
Guarantee = Literal["process", "time", "memory", "output", "environment", "files", "network", "processes"]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one call may use.

    Args:
        wall_s: seconds of wall time, from when the process is ready to run the source.
        cpu_s: seconds of processor time over all threads, `None` for the same as `wall_s`; counted
            in whole seconds, rounded up.
        memory_mb: MiB of address space, the interpreter's own (tens of MiB, more with numpy) included.
        output_kb: KiB of standard output and error together.
        result_kb: KiB of the returned value as JSON.
        file_mb: MiB of any one file it writes.
    """

    wall_s: float = 10.0
    cpu_s: float | None = None
    memory_mb: int = 2048
    output_kb: int = 256
    result_kb: int = 16384
    file_mb: int = 16


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one call.

    Args:
        status: `ok`, or what stopped it: `error` (it raised), `timeout`, `memory`, `output` (it
            printed or returned too much), `killed` (a signal, or it ended its own process).
        value: the returned value, where `status` is `ok`.
        error: one line, such as `ZeroDivisionError: division by zero`, or what limit was hit.
        traceback: the frames of the model's own code, with source lines, innermost last; also of where
            it was when time ran out or a signal ended it, if Python could still tell.
        line: line of the model's source where it failed or was stopped, from 1, if known.
        stdout: what it printed, standard error included, capped.
        wall_s, cpu_s: seconds it took.
    """

    status: Status
    value: Any = None
    error: str = ""
    traceback: str = ""
    line: int | None = None
    stdout: str = ""
    wall_s: float = 0.0
    cpu_s: float = 0.0


class Sandbox(Protocol):
    """Runs source text elsewhere. `call` may be used from many threads at once."""

    @property
    def guarantees(self) -> Mapping[Guarantee, str]:
        """What is enforced on this machine, each with the means, such as `{"network": "seccomp"}`.

        A guarantee that does not hold is absent. Found by trying, not by assuming.
        """
        ...

    def call(
        self,
        source: str,
        function: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        limits: Limits = Limits(),
        filename: str = "<candidate>",
    ) -> Outcome:
        """Executes `source` as a module elsewhere, calls `function` in it, and returns what became of it.

        Args:
            source: Python source of a module.
            function: name in that module; or `package.module:name` of an installed function, which is
                called with `source` as its first argument (the way trusted harnesses run a program;
                they execute it with `sandbox.program.load`, so that tracebacks show its lines).
            args, kwargs: plain data (see `canonical.to_jsonable`), never pickled.
            filename: what tracebacks call the source.

        Raises:
            UsageError: an argument is not plain data.
            SandboxError: the sandbox itself could not run.
        """
        ...

    def close(self) -> None:
        """Ends the sandbox's processes."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(self, *exc: object) -> None: ...
