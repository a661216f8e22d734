from __future__ import annotations

import errno
import platform
import re
import struct
from pathlib import Path

import pytest

from agentopt.sandbox import seccomp

PID = 4321
ALLOWED, KILLED = 0x7FFF0000, 0x80000000
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
machines = pytest.mark.parametrize("machine", ["x86_64", "aarch64"])


def _verdict(machine: str, call: int, *args: int, architecture: int | None = None) -> int:
    """What the kernel would answer: a second reading of classic BPF, for the instructions in use."""
    architecture = seccomp._ARCHITECTURES[machine] if architecture is None else architecture
    packed = struct.pack("=IIQ6Q", call, architecture, 0, *(*args, 0, 0, 0, 0, 0, 0)[:6])
    program = seccomp._program(machine, PID)
    place = accumulator = 0
    while True:
        code, jump_true, jump_false, k = program[place]
        place += 1
        match code:
            case 0x20:
                (accumulator,) = struct.unpack_from("=I", packed, k)
            case 0x54:
                accumulator &= k
            case 0x15:
                place += jump_true if accumulator == k else jump_false
            case 0x35:
                place += jump_true if accumulator >= k else jump_false
            case 0x06:
                return k
            case _:
                raise AssertionError(f"instruction {code:#x}")


def _fails(error: int) -> int:
    return 0x00050000 | error


def _number(machine: str, name: str) -> int:
    return {**seccomp._REFUSED[machine], **seccomp._JUDGED[machine], **seccomp._SINCE_5_1}[name]


@machines
@pytest.mark.parametrize("name", ["ptrace", "execve", "unshare", "mount", "bpf", "io_uring_setup", "fchmodat2"])
def test_call_on_the_list_is_refused(machine: str, name: str) -> None:
    assert _verdict(machine, _number(machine, name)) == _fails(errno.EPERM)


@machines
@pytest.mark.parametrize("name", ["socket", "connect", "bind", "listen"])
def test_sockets_are_refused(machine: str, name: str) -> None:
    assert _verdict(machine, _number(machine, name), 2, 1) == _fails(errno.EACCES)


@machines
@pytest.mark.parametrize(
    ("name", "args", "verdict"),
    [
        ("clone", (0x10000 | 0x100,), ALLOWED),  # a thread
        ("clone", (17,), _fails(errno.EPERM)),  # a process
        ("clone3", (), _fails(errno.ENOSYS)),
        ("socketpair", (1, 1 | 0o2000000), ALLOWED),
        ("socketpair", (1, 5), ALLOWED),
        ("socketpair", (1, 2), _fails(errno.EACCES)),
        ("kill", (PID, 9), ALLOWED),
        ("kill", (1, 9), _fails(errno.EPERM)),
        ("kill", (2**64 - 1, 9), _fails(errno.EPERM)),
        ("tgkill", (PID, PID, 6), ALLOWED),
        ("tgkill", (1, 1, 6), _fails(errno.EPERM)),
        ("prlimit64", (0, 7), ALLOWED),
        ("prlimit64", (1, 7), _fails(errno.EPERM)),
        ("prctl", (1, 0), _fails(errno.EPERM)),
        ("prctl", (15, 0), ALLOWED),
        ("fcntl", (3, 8, 1), _fails(errno.EPERM)),
        ("fcntl", (3, 15, 1), _fails(errno.EPERM)),
        ("fcntl", (3, 1), ALLOWED),
        ("ioctl", (3, 0x5412), _fails(errno.EPERM)),
        ("ioctl", (3, 0x5401), ALLOWED),
        ("openat", (3, 0, 0o1000), _fails(errno.EACCES)),  # read, and empty
        ("openat", (3, 0, 0o1001), ALLOWED),  # write, and empty: Landlock judges it
        ("openat", (3, 0, 0o2000000), ALLOWED),
        ("openat2", (), _fails(errno.ENOSYS)),
    ],
)
def test_call_is_judged_by_its_argument(machine: str, name: str, args: tuple[int, ...], verdict: int) -> None:
    assert _verdict(machine, _number(machine, name), *args) == verdict


@machines
def test_call_younger_than_the_table_does_not_exist(machine: str) -> None:
    assert _verdict(machine, 463) == _fails(errno.ENOSYS)


@machines
def test_call_of_another_architecture_kills(machine: str) -> None:
    assert _verdict(machine, 0, architecture=0x40000003) == KILLED


def test_call_of_the_x32_interface_kills() -> None:
    assert _verdict("x86_64", 0x40000000 | 41) == KILLED


def test_reading_is_allowed() -> None:
    assert (_verdict("x86_64", 0), _verdict("aarch64", 63)) == (ALLOWED, ALLOWED)


@machines
def test_numbers_are_those_of_the_kernel_headers(machine: str) -> None:
    if not HEADERS[machine].exists():
        pytest.skip(f"{HEADERS[machine]} is not installed")
    text = HEADERS[machine].read_text()
    official = {m[1]: int(m[2]) for m in re.finditer(r"#define __NR(?:3264)?_(\w+)\s+(\d+)\b", text)}
    ours = {**seccomp._REFUSED[machine], **seccomp._JUDGED[machine], **seccomp._SINCE_5_1}

    assert len(official) > 300
    assert {name: number for name, number in ours.items() if official.get(name, number) != number} == {}


def test_machine_without_a_table_has_no_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")

    assert not seccomp.has_filter_for_machine()
