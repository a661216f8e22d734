"""What restricts the process of one call, and how a fresh fork takes it on."""

from __future__ import annotations

import os
import signal
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from agentopt.sandbox import kernel, landlock, seccomp
from agentopt.sandbox.program import EXHAUSTED, Request, answer

_CHANNEL, _STATUS = 3, 4
_PACKAGE = Path(__file__).resolve().parents[1]
_SYSTEM_PATHS = (
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/etc/localtime", "/usr/share/zoneinfo",
    "/dev/zero", "/dev/urandom", "/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system/cpu",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Layers:
    """What restricts a child besides its resource limits."""

    fence: landlock.Fence | None
    is_filtered: bool

    def names(self) -> list[str]:
        """The layers that are on, such as `["landlock", "seccomp"]`."""
        return ["landlock"] * (self.fence is not None) + ["seccomp"] * self.is_filtered

    def apply(self, scratch: Path) -> None:
        """Restricts this process, for good.

        Raises:
            OSError: a layer did not take.
        """
        kernel.give_up_privileges()
        if self.fence is not None:
            self.fence.enclose(scratch)
        if self.is_filtered:
            seccomp.refuse_system_calls()


def available_layers(root: Path) -> Layers:
    """The layers that a trial child could take on; scratch folders are made in `root`."""
    fence = None
    if kernel.IS_LINUX and landlock.landlock_abi() > 0:
        # the shelf holds the reference answers of the tasks
        fence = landlock.Fence(_readable_paths(), [_PACKAGE / "_shelf"], root)
        fence = fence if _takes(Layers(fence=fence, is_filtered=False), root) else None
    is_filtered = kernel.IS_LINUX and seccomp.has_filter_for_machine()
    is_filtered = is_filtered and _takes(Layers(fence=None, is_filtered=True), root)
    return Layers(fence=fence, is_filtered=is_filtered)


def _readable_paths() -> list[Path]:
    """Where Python, its packages and the system's shared libraries lie.

    Other entries of `sys.path` stay closed: an editable install puts a whole project there, with its
    secrets and its git history.
    """
    paths = [Path(sysconfig.get_path("stdlib")), Path(sysconfig.get_path("platstdlib")), _PACKAGE]
    for prefix in (sys.prefix, sys.base_prefix):
        paths += [Path(prefix, "lib"), Path(prefix, "lib64"), Path(prefix, "share", "zoneinfo")]
    paths += [Path(entry) for entry in sys.path if is_package_folder(entry)]
    mapped = {line.split(maxsplit=5)[-1].strip() for line in Path("/proc/self/maps").read_text().splitlines()}
    paths += [Path(name) for name in mapped if name.startswith("/") and ".so" in name]
    return [*paths, *map(Path, _SYSTEM_PATHS)]


def is_package_folder(entry: str) -> bool:
    """Whether an entry of `sys.path` is a folder that installers own."""
    return Path(entry).name in ("site-packages", "dist-packages")


def _takes(layers: Layers, root: Path) -> bool:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            layers.apply(root)
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1] == 0


def become_child(layers: Layers, *, status: int, channel: int, output: int, descriptors: int) -> NoReturn:
    """Turns a fresh fork of the server into the process of one call, makes the call, and ends.

    Nothing foreign runs before `ready` is written to `status`, and `status` is closed by then, so
    that nothing foreign can write there.

    Args:
        descriptors: number below which all open descriptors lie.
    """
    try:
        try:
            parent = os.getppid()
            os.setsid()
            kernel.die_with(parent)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.dup2(output, 1)
            os.dup2(output, 2)
            request = _receive(channel)
            os.chdir(request.scratch)
            os.environ["TMPDIR"] = request.scratch
            _reseed()
            layers.apply(Path(request.scratch))
            os.dup2(channel, _CHANNEL)
            status = os.dup2(status, _STATUS)
            os.closerange(_STATUS + 1, descriptors)
            kernel.set_limits(request.limits)
            os.write(status, b"ready\n")
            os.close(status)
        except Exception as error:  # noqa: BLE001 - reported to the client, and the process ends
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            os.write(status, f"failed {reason}\n".encode())
            os._exit(1)
        answer(request, _CHANNEL)
    except MemoryError:
        os._exit(EXHAUSTED)
    finally:
        os._exit(1)


def _receive(channel: int) -> Request:
    parts = []
    while part := os.read(channel, 1 << 20):
        parts.append(part)
    return Request.decode(b"".join(parts))


def _reseed() -> None:
    """Gives the child random numbers of its own; Python's `random` does so by itself after a fork."""
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()
