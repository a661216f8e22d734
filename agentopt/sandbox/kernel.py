"""What a process asks of the kernel about itself: resource limits, capabilities, its death with its parent.

Linux calls go through `ctypes`; elsewhere only resource limits exist.
"""

from __future__ import annotations

import ctypes
import functools
import math
import os
import resource
import signal
import struct
import sys
from typing import Any

from agentopt.sandbox.base import Limits

IS_LINUX = sys.platform == "linux"
OPEN_FILES = 128
_YEAR_S = 365 * 24 * 3600

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_CAPABILITY_VERSION_3 = 0x20080522
_CAP_DAC_READ_SEARCH = 1 << 2


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result < 0:
        errno = ctypes.get_errno()
        raise OSError(errno, os.strerror(errno))
    return result


def syscall(number: int, *args: Any) -> int:
    """Result of Linux system call `number`; `args` are integers or ctypes values.

    Raises:
        OSError: the call failed.
    """
    wide = [ctypes.c_long(arg) if isinstance(arg, int) else arg for arg in args]
    return _checked(_libc().syscall(ctypes.c_long(number), *wide))


def prctl(option: int, *args: Any) -> None:
    """Linux `prctl`.

    Raises:
        OSError: the call failed.
    """
    wide = [ctypes.c_ulong(arg) if isinstance(arg, int) else arg for arg in (*args, 0, 0, 0, 0)[:4]]
    _checked(_libc().prctl(option, *wide))


def die_with(parent: int) -> None:
    """Has this process killed when `parent`, which must be its parent, ends; Linux only."""
    if IS_LINUX:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != parent:
        os._exit(1)


def give_up_privileges() -> None:
    """No capability is left and none can be gained; Linux only.

    Root keeps one, to read Python's own files in another user's folder; which files may be read at
    all is not its business. Without `CAP_SYS_RESOURCE` a resource limit cannot be raised again.
    """
    if not IS_LINUX:
        return
    prctl(_PR_SET_NO_NEW_PRIVS, 1)
    header = ctypes.create_string_buffer(struct.pack("=Ii", _CAPABILITY_VERSION_3, 0), 8)
    sets = ctypes.create_string_buffer(24)
    _checked(_libc().capget(header, sets))
    kept = struct.unpack("=6I", sets.raw)[1] & _CAP_DAC_READ_SEARCH
    empty = ctypes.create_string_buffer(struct.pack("=6I", kept, kept, 0, 0, 0, 0), 24)
    _checked(_libc().capset(header, empty))


def _cpu_seconds(limits: Limits) -> int:
    """Processor seconds that `limits` allows, rounded up: the kernel counts whole ones."""
    seconds = limits.wall_s if limits.cpu_s is None else limits.cpu_s
    return max(1, math.ceil(min(seconds, _YEAR_S)))


def set_limits(limits: Limits) -> None:
    """Sets the resource limits of this process, hard ones too."""
    cpu = _cpu_seconds(limits)
    wanted = {
        resource.RLIMIT_CPU: (cpu, cpu + 1),
        resource.RLIMIT_FSIZE: (limits.file_mb << 20,) * 2,
        resource.RLIMIT_NOFILE: (OPEN_FILES, OPEN_FILES),
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_AS: (limits.memory_mb << 20,) * 2,
    }
    for kind, (soft, hard) in wanted.items():
        ceiling = resource.getrlimit(kind)[1]
        if ceiling != resource.RLIM_INFINITY:
            soft, hard = min(soft, ceiling), min(hard, ceiling)
        try:
            resource.setrlimit(kind, (soft, hard))
        except (OSError, ValueError):
            if IS_LINUX:  # macOS has RLIMIT_AS and refuses to set it; the probe shows the lack
                raise
