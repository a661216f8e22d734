"""Landlock: a process tells the Linux kernel which files it will use, and everything else is refused.

The rules hold for the calling thread and whatever it starts, cannot be undone, and need no privilege.
Later kernels also refuse TCP (ABI 4), and signals and abstract sockets to processes outside (ABI 6).

Source: https://docs.kernel.org/userspace-api/landlock.html
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from agentopt.sandbox.kernel import syscall

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG = 1
_PATH_BENEATH = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_MAKE_CHAR, _MAKE_SOCK, _MAKE_BLOCK = 1 << 6, 1 << 9, 1 << 11
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_ABI_1_RIGHTS = (1 << 13) - 1
_TCP_BIND_AND_CONNECT = 0b11
_ABSTRACT_SOCKETS_AND_SIGNALS = 0b11

_LIST = _READ_DIR
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_FILE_RIGHTS = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV


def landlock_abi() -> int:
    """Version of Landlock in the running kernel, 0 if there is none."""
    try:
        return syscall(_CREATE_RULESET, 0, 0, _VERSION_FLAG)
    except OSError:
        return 0


class Fence:
    """Landlock rules for many processes, prepared once.

    Two rulesets are stacked, and a file must be allowed by both: one, shared, that hides `hidden`;
    one per process that opens only its own scratch folder.

    Args:
        readable: folders and files to be read; those that do not exist are skipped.
        hidden: folders that stay closed, even inside a readable one; their file names show.
        scratch: folder that contains the scratch folders of all processes.
    """

    def __init__(self, readable: Iterable[Path], hidden: Sequence[Path], scratch: Path) -> None:
        self._abi = landlock_abi()
        self._rights = _handled_rights(self._abi)
        self._write = self._rights & ~(_EXECUTE | _MAKE_CHAR | _MAKE_BLOCK | _MAKE_SOCK | _IOCTL_DEV)
        real = {path.resolve() for path in readable if os.path.exists(path)}
        roots = sorted(path for path in real if real.isdisjoint(path.parents))
        closed = [path.resolve() for path in hidden if path.exists()]
        null = Path(os.devnull)
        self._opened = [(_open(root), _READ) for root in roots] + [(_open(null), self._write)]
        self._shared = self._create()
        for root in roots:
            for path, access in _around(root, closed):
                self._allow_path(self._shared, path, access)
        self._allow_path(self._shared, null, self._write)
        self._allow_path(self._shared, scratch, self._write)

    def enclose(self, scratch: Path) -> None:
        """Restricts this process to the readable files, and to `scratch` for writing.

        Raises:
            OSError: the kernel refused; the process must not go on.
        """
        own = self._create()
        for descriptor, access in self._opened:
            self._allow(own, descriptor, access)
        self._allow_path(own, scratch, self._write)
        syscall(_RESTRICT_SELF, self._shared, 0)
        syscall(_RESTRICT_SELF, own, 0)
        os.close(own)

    def _create(self) -> int:
        tcp = _TCP_BIND_AND_CONNECT if self._abi >= 4 else 0
        scope = _ABSTRACT_SOCKETS_AND_SIGNALS if self._abi >= 6 else 0
        size = 8 if self._abi < 4 else 16 if self._abi < 6 else 24
        attributes = struct.pack("=QQQ", self._rights, tcp, scope)[:size]
        return syscall(_CREATE_RULESET, ctypes.c_char_p(attributes), size, 0)

    def _allow_path(self, ruleset: int, path: Path, access: int) -> None:
        descriptor = _open(path)
        try:
            self._allow(ruleset, descriptor, access)
        finally:
            os.close(descriptor)

    def _allow(self, ruleset: int, descriptor: int, access: int) -> None:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            access &= _FILE_RIGHTS
        rule = struct.pack("=Qi", access & self._rights, descriptor)
        syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.c_char_p(rule), 0)


def _handled_rights(abi: int) -> int:
    rights = _ABI_1_RIGHTS
    if abi >= 2:
        rights |= _REFER
    if abi >= 3:
        rights |= _TRUNCATE
    if abi >= 5:
        rights |= _IOCTL_DEV
    return rights


def _open(path: Path) -> int:
    return os.open(path, os.O_PATH | os.O_CLOEXEC)


def _around(root: Path, closed: Sequence[Path]) -> Iterator[tuple[Path, int]]:
    """Rules that open `root` for reading, except what is in `closed`."""
    if root in closed:
        return
    if not any(path.is_relative_to(root) for path in closed):
        yield root, _READ
        return
    yield root, _LIST
    for entry in sorted(root.iterdir()):
        if not entry.is_symlink():  # the kernel judges the target of a link by its own place
            yield from _around(entry, closed)
