"""seccomp: the Linux kernel refuses system calls that computing on plain data does not need.

Refused: sockets, new processes and programs, other processes' memory, signals and limits, namespaces
and mounts, what Landlock leaves open (owner, mode, times and extended attributes of files), memory
that outlives the process, and every system call younger than this table.

Source: https://docs.kernel.org/userspace-api/seccomp_filter.html, numbers from the kernel's
arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterable, Mapping

from agentopt.sandbox.kernel import prctl

Instruction = tuple[int, int, int, int]

_PR_SET_SECCOMP, _MODE_FILTER = 22, 2
_LOAD, _AND, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
_ALLOW, _KILL, _FAIL = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data

_LAST_KNOWN = 462  # mseal
_X32 = 0x40000000
_CLONE_THREAD = 0x10000
_SOCKET_TYPE, _STREAM, _SEQPACKET = 0xF, 1, 5
_TRUNCATE_ON_READ, _TRUNCATE_BITS = os.O_RDONLY | 0o1000, 0o1003
_PR_SET_PDEATHSIG = 1
_F_SETOWN, _F_SETOWN_EX = 8, 15
_FIOSETOWN, _SIOCSPGRP, _TIOCSTI = 0x8901, 0x8902, 0x5412

_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_SINCE_5_1 = {  # numbers that both architectures share
    "pidfd_send_signal": 424, "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427,
    "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433,
    "pidfd_getfd": 438, "process_madvise": 440, "mount_setattr": 442, "quotactl_fd": 443,
    "memfd_secret": 447, "process_mrelease": 448, "fchmodat2": 452,
}  # fmt: skip
_REFUSED: Mapping[str, Mapping[str, int]] = {
    "x86_64": {
        "shmget": 29, "shmat": 30, "shmctl": 31, "fork": 57, "vfork": 58, "execve": 59, "semget": 64,
        "semop": 65, "semctl": 66, "msgget": 68, "msgsnd": 69, "msgrcv": 70, "msgctl": 71, "truncate": 76,
        "chmod": 90, "fchmod": 91, "chown": 92, "fchown": 93, "lchown": 94, "ptrace": 101, "syslog": 103,
        "rt_sigqueueinfo": 129, "utime": 132, "personality": 135, "setpriority": 141, "sched_setparam": 142,
        "sched_setscheduler": 144, "modify_ldt": 154, "pivot_root": 155, "chroot": 161, "acct": 163,
        "mount": 165, "umount2": 166, "swapon": 167, "swapoff": 168, "reboot": 169, "iopl": 172,
        "ioperm": 173, "init_module": 175, "delete_module": 176, "quotactl": 179, "setxattr": 188,
        "lsetxattr": 189, "fsetxattr": 190, "removexattr": 197, "lremovexattr": 198, "fremovexattr": 199,
        "tkill": 200, "io_setup": 206, "semtimedop": 220, "utimes": 235, "mq_open": 240, "mq_unlink": 241,
        "kexec_load": 246, "add_key": 248, "request_key": 249, "keyctl": 250, "ioprio_set": 251, "inotify_init": 253,
        "migrate_pages": 256, "fchownat": 260, "futimesat": 261, "fchmodat": 268, "unshare": 272,
        "move_pages": 279, "utimensat": 280, "inotify_init1": 294, "rt_tgsigqueueinfo": 297,
        "perf_event_open": 298, "fanotify_init": 300, "name_to_handle_at": 303, "open_by_handle_at": 304,
        "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312, "finit_module": 313,
        "sched_setattr": 314, "memfd_create": 319, "kexec_file_load": 320, "bpf": 321, "execveat": 322,
        "userfaultfd": 323,
    },
    "aarch64": {
        "io_setup": 0, "setxattr": 5, "lsetxattr": 6, "fsetxattr": 7, "removexattr": 14, "lremovexattr": 15,
        "fremovexattr": 16, "inotify_init1": 26, "ioprio_set": 30, "umount2": 39, "mount": 40,
        "pivot_root": 41, "truncate": 45, "chroot": 51, "fchmod": 52, "fchmodat": 53, "fchownat": 54,
        "fchown": 55, "quotactl": 60, "utimensat": 88, "acct": 89, "personality": 92, "unshare": 97,
        "kexec_load": 104, "init_module": 105, "delete_module": 106, "syslog": 116, "ptrace": 117,
        "sched_setparam": 118, "sched_setscheduler": 119, "tkill": 130, "rt_sigqueueinfo": 138,
        "setpriority": 140, "reboot": 142, "mq_open": 180, "mq_unlink": 181, "msgget": 186, "msgctl": 187,
        "msgrcv": 188, "msgsnd": 189, "semget": 190, "semctl": 191, "semtimedop": 192, "semop": 193,
        "shmget": 194, "shmctl": 195, "shmat": 196, "add_key": 217, "request_key": 218, "keyctl": 219,
        "execve": 221, "swapon": 224, "swapoff": 225, "migrate_pages": 238, "move_pages": 239,
        "rt_tgsigqueueinfo": 240, "perf_event_open": 241, "fanotify_init": 262, "name_to_handle_at": 264,
        "open_by_handle_at": 265, "setns": 268, "process_vm_readv": 270, "process_vm_writev": 271,
        "kcmp": 272, "finit_module": 273, "sched_setattr": 274, "memfd_create": 279, "bpf": 280,
        "execveat": 281, "userfaultfd": 282, "kexec_file_load": 294,
    },
}  # fmt: skip
_JUDGED: Mapping[str, Mapping[str, int]] = {  # refused by argument, or with an error number of its own
    "x86_64": {
        "open": 2, "ioctl": 16, "socket": 41, "connect": 42, "bind": 49, "listen": 50, "socketpair": 53,
        "clone": 56, "kill": 62, "fcntl": 72, "prctl": 157, "sched_setaffinity": 203, "tgkill": 234,
        "openat": 257, "prlimit64": 302, "clone3": 435, "openat2": 437,
    },
    "aarch64": {
        "fcntl": 25, "ioctl": 29, "openat": 56, "sched_setaffinity": 122, "kill": 129, "tgkill": 131,
        "prctl": 167, "socket": 198, "socketpair": 199, "bind": 200, "listen": 201, "connect": 203,
        "clone": 220, "prlimit64": 261, "clone3": 435, "openat2": 437,
    },
}  # fmt: skip


def has_filter_for_machine() -> bool:
    """Whether the table knows this machine's system calls."""
    return platform.machine() in _ARCHITECTURES


def refuse_system_calls() -> None:
    """Installs the filter in this process, for good; `no_new_privs` must be set.

    Raises:
        OSError: the kernel refused; nothing is filtered then.
    """
    program = _program(platform.machine(), os.getpid())
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in program))
    header = struct.pack("@HP", len(program), ctypes.addressof(code))
    prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.c_char_p(header))


def _program(machine: str, pid: int) -> list[Instruction]:
    program: list[Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, _ARCHITECTURES[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if machine == "x86_64":
        program += [(_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _KILL)]
    program += [(_AT_LEAST, 0, 1, _LAST_KNOWN + 1), (_RETURN, 0, 0, _FAIL | errno.ENOSYS)]
    for number in (*_REFUSED[machine].values(), *_SINCE_5_1.values()):
        program += _refuse(number, errno.EPERM)
    program += _judgements(_JUDGED[machine], pid)
    program.append((_RETURN, 0, 0, _ALLOW))
    return program


def _judgements(calls: Mapping[str, int], pid: int) -> list[Instruction]:
    steps: list[Instruction] = []
    for name in ("socket", "connect", "bind", "listen"):
        steps += _refuse(calls[name], errno.EACCES)
    # glibc then uses clone and openat, whose arguments a filter can see
    for name in ("clone3", "openat2"):
        steps += _refuse(calls[name], errno.ENOSYS)
    steps += _judge(calls["clone"], 0, [_CLONE_THREAD], mask=_CLONE_THREAD, otherwise=errno.EPERM)
    # a pair of datagram sockets can send to any address; asyncio needs a pair of stream sockets
    steps += _judge(calls["socketpair"], 1, [_STREAM, _SEQPACKET], mask=_SOCKET_TYPE, otherwise=errno.EACCES)
    for name in ("kill", "tgkill"):
        steps += _judge(calls[name], 0, [pid], otherwise=errno.EPERM)
    for name in ("prlimit64", "sched_setaffinity"):
        steps += _judge(calls[name], 0, [0, pid], otherwise=errno.EPERM)
    steps += _judge(calls["prctl"], 0, [_PR_SET_PDEATHSIG], then=errno.EPERM)
    steps += _judge(calls["fcntl"], 1, [_F_SETOWN, _F_SETOWN_EX], then=errno.EPERM)
    steps += _judge(calls["ioctl"], 1, [_FIOSETOWN, _SIOCSPGRP, _TIOCSTI], then=errno.EPERM)
    # Landlock before ABI 3 lets a file that may be read be emptied
    for name, flags in (("open", 1), ("openat", 2)):
        if name in calls:
            steps += _judge(calls[name], flags, [_TRUNCATE_ON_READ], mask=_TRUNCATE_BITS, then=errno.EACCES)
    return steps


def _refuse(number: int, error: int) -> list[Instruction]:
    return [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _FAIL | error)]


def _judge(
    number: int, argument: int, values: Iterable[int], *, mask: int = 0, then: int = 0, otherwise: int = 0
) -> list[Instruction]:
    """Steps for one call: error `then` where the masked argument is one of `values`, else `otherwise`; 0 allows."""
    listed = list(values)
    body: list[Instruction] = [(_LOAD, 0, 0, _ARGUMENTS + 8 * argument)]
    if mask:
        body.append((_AND, 0, 0, mask))
    body += [(_EQUAL, len(listed) - place, 0, value) for place, value in enumerate(listed)]
    for error in (otherwise, then):
        body.append((_RETURN, 0, 0, _FAIL | error if error else _ALLOW))
    return [(_EQUAL, 0, len(body), number), *body]
