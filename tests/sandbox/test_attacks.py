"""Hostile programs, each with what stops it. `attack` gets the place of a secret, a port and a process to harm."""

from __future__ import annotations

import os
import re
import socket
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agentopt.sandbox.base import Guarantee, Limits, Outcome, Status
from agentopt.sandbox.local import LocalSandbox

SECRET = "the secret"
REFUSED = "PermissionError"
MODEST = Limits(memory_mb=512)
SHORT = Limits(wall_s=0.2)
SMALL = Limits(memory_mb=256)


@dataclass(frozen=True, kw_only=True)
class Attack:
    """A program, the guarantee that stops it, and what becomes of it."""

    name: str
    stopped_by: Guarantee
    body: str
    status: Status = "error"
    error: str = REFUSED
    limits: Limits = MODEST
    before: str = ""

    @property
    def source(self) -> str:
        body = textwrap.indent(textwrap.dedent(self.body).strip(), "    ")
        return f"{textwrap.dedent(self.before)}\ndef attack(outside, port, client):\n{body}\n"


@dataclass(frozen=True, kw_only=True)
class Target:
    """What the attacks are aimed at."""

    outside: Path
    listener: socket.socket

    @property
    def kwargs(self) -> dict[str, object]:
        port = self.listener.getsockname()[1]
        return {"outside": str(self.outside), "port": port, "client": os.getpid()}


CTYPES = "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n" + textwrap.dedent("""
    def checked(result):
        if result < 0:
            raise OSError(ctypes.get_errno(), 'refused')
        return result
""")

ATTACKS = [
    # time
    Attack(
        name="infinite loop", stopped_by="time", body="while True: pass", status="timeout", error="0.2 s", limits=SHORT
    ),
    Attack(
        name="sleep",
        stopped_by="time",
        body="import time; time.sleep(60)",
        status="timeout",
        error="0.2 s",
        limits=SHORT,
    ),
    Attack(
        name="number that takes for ever",
        stopped_by="time",
        body="return 7 ** (10 ** 9) % 11",
        status="timeout",
        error="0.2 s",
        limits=SHORT,
    ),
    Attack(
        name="loop that survives signals",
        stopped_by="time",
        body="""
            import signal
            for number in range(1, 32):
                if number not in (signal.SIGKILL, signal.SIGSTOP):
                    signal.signal(number, signal.SIG_IGN)
            while True: pass
        """,
        status="timeout",
        error="0.2 s",
        limits=SHORT,
    ),
    Attack(
        name="stopping itself",
        stopped_by="time",
        body="import os, signal; os.kill(os.getpid(), signal.SIGSTOP)",
        status="timeout",
        error="0.2 s",
        limits=SHORT,
    ),
    Attack(
        name="more processor time than allowed",
        stopped_by="time",
        body="while True: pass",
        status="timeout",
        error="more than 1 s of processor time",
        limits=Limits(wall_s=30.0, cpu_s=1.0),
    ),
    # memory
    Attack(
        name="memory bomb",
        stopped_by="memory",
        body="return len(bytearray(1 << 40))",
        status="memory",
        error="MemoryError",
    ),
    Attack(
        name="memory bomb in small pieces",
        stopped_by="memory",
        body="hoard = []\nwhile True: hoard.append(bytearray(1 << 16))",
        status="memory",
        error="MemoryError",
        limits=SMALL,
    ),
    Attack(
        name="raising its own limits",
        stopped_by="memory",
        body="""
            import resource
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        """,
        error="not allowed to raise maximum limit|PermissionError",
    ),
    Attack(
        name="memory in a nameless file",
        stopped_by="processes",
        body="import os; os.memfd_create('hoard')",
    ),
    Attack(
        name="shared memory that outlives it",
        stopped_by="processes",
        before=CTYPES,
        body="return checked(libc.shmget(0, 1 << 20, 0o1600))",
    ),
    # output
    Attack(
        name="huge print",
        stopped_by="output",
        body="while True: print('x' * 100_000)",
        status="output",
        error="printed more than 256 KiB",
    ),
    Attack(
        name="huge returned value",
        stopped_by="output",
        body="return 'x' * 200_000",
        status="output",
        error="returned more than 64 KiB",
        limits=Limits(result_kb=64),
    ),
    Attack(
        name="flood on the sandbox's own descriptor",
        stopped_by="output",
        body="import os\nwhile True: os.write(3, b'x' * 65536)",
        status="output",
        error="returned more than 64 KiB",
        limits=Limits(result_kb=64),
    ),
    # files
    Attack(name="writing a file outside", stopped_by="files", body="open(outside + '/created', 'w').write('x')"),
    Attack(name="reading a secret outside", stopped_by="files", body="return open(outside + '/secret').read()"),
    Attack(name="emptying a file outside", stopped_by="files", body="import os; os.truncate(outside + '/secret', 0)"),
    Attack(name="removing a file outside", stopped_by="files", body="import os; os.remove(outside + '/secret')"),
    Attack(
        name="changing the mode of a file outside",
        stopped_by="files",
        body="import os; os.chmod(outside + '/secret', 0)",
    ),
    Attack(
        name="changing Python itself",
        stopped_by="files",
        body="import json, os; os.open(json.__file__, os.O_RDONLY | os.O_TRUNC)",
    ),
    Attack(
        name="following a link to the outside",
        stopped_by="files",
        body="import os; os.symlink(outside + '/secret', 'link'); return open('link').read()",
    ),
    Attack(
        name="following a link to a folder outside",
        stopped_by="files",
        body="import os; os.symlink(outside, 'folder'); return os.listdir('folder')",
    ),
    Attack(
        name="second name for a file outside",
        stopped_by="files",
        body="import os; os.link(outside + '/secret', 'mine'); return open('mine').read()",
        error="PermissionError|OSError: .Errno 18.",
    ),
    Attack(
        name="the outside by way of /proc",
        stopped_by="files",
        body="return open('/proc/self/root' + outside + '/secret').read()",
    ),
    Attack(
        name="importing a file outside",
        stopped_by="files",
        body="""
            from importlib.machinery import SourceFileLoader
            return SourceFileLoader('secret', outside + '/secret').load_module()
        """,
    ),
    Attack(
        name="changing a module's compiled form",
        stopped_by="files",
        body="import textwrap, os; os.open(textwrap.__cached__, os.O_WRONLY | os.O_TRUNC)",
    ),
    Attack(
        name="flood of small files",
        stopped_by="time",
        body="""
            number = 0
            while True:
                number += 1
                open(str(number), 'w').close()
        """,
        status="timeout",
        error="0.2 s",
        limits=SHORT,
    ),
    Attack(
        name="moving a file into its reach",
        stopped_by="files",
        body="import os; os.rename(outside + '/secret', 'mine'); return open('mine').read()",
        error="PermissionError|OSError: .Errno 18.",
    ),
    Attack(
        name="walking away from its folder",
        stopped_by="files",
        body="import os; os.chdir(outside); return open('secret').read()",
    ),
    Attack(
        name="looking into other calls' folders",
        stopped_by="files",
        body="import os; return os.listdir('..')",
    ),
    Attack(
        name="64 MB in its own folder",
        stopped_by="files",
        body="""
            with open('large', 'wb') as large:
                for _ in range(64): large.write(bytes(1 << 20))
        """,
        error="File too large",
    ),
    # environment
    Attack(
        name="other processes' environment",
        stopped_by="environment",
        body="return open(f'/proc/{client}/environ').read()",
    ),
    Attack(
        name="its server's memory",
        stopped_by="environment",
        body="import os; return open(f'/proc/{os.getppid()}/mem', 'rb').read(1)",
    ),
    # network
    Attack(
        name="TCP",
        stopped_by="network",
        body="import socket; socket.create_connection(('127.0.0.1', port)).send(b'x')",
    ),
    Attack(
        name="UDP",
        stopped_by="network",
        body="""
            import socket
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', port))
        """,
    ),
    Attack(
        name="Unix socket",
        stopped_by="network",
        body="import socket; socket.socket(socket.AF_UNIX).connect(outside + '/socket')",
    ),
    Attack(
        name="abstract Unix socket",
        stopped_by="network",
        body=r"import socket; socket.socket(socket.AF_UNIX).connect('\0agentopt')",
    ),
    Attack(
        name="datagrams from a pair of sockets",
        stopped_by="network",
        body="import socket; socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendto(b'x', outside + '/socket')",
    ),
    Attack(
        name="another address for a pair of sockets",
        stopped_by="network",
        body="import socket; socket.socketpair()[0].connect(outside + '/socket')",
    ),
    # processes
    Attack(
        name="fork bomb",
        stopped_by="processes",
        body="import os\nwhile True: os.fork()",
    ),
    Attack(
        name="daemon that outlives the call",
        stopped_by="processes",
        body="import subprocess; subprocess.Popen(['/bin/sh', '-c', 'sleep 60 &'], start_new_session=True)",
    ),
    Attack(
        name="another program in its place",
        stopped_by="processes",
        body="import os; os.execv('/bin/sh', ['/bin/sh', '-c', 'true'])",
    ),
    Attack(
        name="signal to the client",
        stopped_by="processes",
        body="import os, signal; os.kill(client, signal.SIGTERM)",
    ),
    Attack(
        name="signal to the server",
        stopped_by="processes",
        body="import os, signal; os.kill(os.getppid(), signal.SIGKILL)",
    ),
    Attack(
        name="limits of the client",
        stopped_by="processes",
        body="import resource; resource.prlimit(client, resource.RLIMIT_CPU, (1, 1))",
    ),
    Attack(
        name="ptrace of its server",
        stopped_by="processes",
        before=CTYPES,
        body="import os; return checked(libc.ptrace(16, os.getppid(), 0, 0))",
    ),
    Attack(
        name="namespace of its own",
        stopped_by="processes",
        before=CTYPES,
        body="return checked(libc.unshare(0x10000000))",
    ),
    Attack(
        name="staying alive without the server",
        stopped_by="processes",
        before=CTYPES,
        body="return checked(libc.prctl(1, 0, 0, 0, 0))",
    ),
    # its own process
    Attack(
        name="os._exit(0)",
        stopped_by="process",
        body="import os; os._exit(0)",
        status="killed",
        error="ended its own process with exit code 0",
    ),
    Attack(name="sys.exit", stopped_by="process", body="import sys; sys.exit(3)", error="SystemExit: 3"),
    Attack(name="KeyboardInterrupt", stopped_by="process", body="raise KeyboardInterrupt", error="KeyboardInterrupt"),
    Attack(
        name="segmentation fault",
        stopped_by="process",
        body="import ctypes; ctypes.string_at(0)",
        status="killed",
        error="SIGSEGV",
    ),
    Attack(
        name="real-time signal to itself",
        stopped_by="process",
        body="import os; os.kill(os.getpid(), 40)",
        status="killed",
        error="signal 40",
    ),
    Attack(
        name="endless recursion",
        stopped_by="process",
        body="return attack(outside, port, client)",
        error="RecursionError",
    ),
    Attack(
        name="threads that never end",
        stopped_by="process",
        body="""
            import threading, time
            threading.Thread(target=lambda: time.sleep(60)).start()
            return 'done'
        """,
        status="ok",
        error="",
    ),
    Attack(name="reading standard input", stopped_by="process", body="return input()", error="EOFError"),
    Attack(
        name="closing every descriptor",
        stopped_by="process",
        body="import os; os.closerange(0, 256)",
        status="killed",
        error="exit code 0",
    ),
    # the reply
    Attack(
        name="builtins that raise",
        stopped_by="process",
        body="""
            import builtins
            def broken(*_): raise SystemExit('broken')
            builtins.type = builtins.isinstance = builtins.id = builtins.hasattr = broken
            return object()
        """,
        error="no reply could be written|broken",
    ),
    Attack(
        name="json that lies",
        stopped_by="process",
        body="""
            import json
            json.dumps = lambda *_, **__: '{"status": "ok", "value": {"$bytes": 7}}'
        """,
        error="cannot be read back",
    ),
    Attack(
        name="reply of another kind",
        stopped_by="process",
        body="""
            import json
            json.dumps = lambda *_, **__: '[1, 2]'
        """,
        error="cannot be read back",
    ),
    Attack(
        name="array that asks for gigabytes",
        stopped_by="process",
        body="""
            import json
            json.dumps = lambda *_, **__: '{"status": "ok", "value": {"$array": ["a"], "dtype": "<U1000000000"}}'
        """,
        error="an array of <U1000000000",
    ),
    Attack(
        name="words on the sandbox's own descriptor",
        stopped_by="process",
        body="import os; os.write(3, b'{}'); return 1",
        status="killed",
        error="the sandbox's own",
    ),
    Attack(
        name="value that is not plain data", stopped_by="process", body="return open('f', 'w')", error="TextIOWrapper"
    ),
    Attack(name="value that is a function", stopped_by="process", body="return attack", error="is a function"),
    Attack(name="huge integer", stopped_by="process", body="return 10 ** 5000", error="cannot cross|4300 digits"),
    Attack(
        name="deep nesting",
        stopped_by="process",
        body="""
            nest = []
            for _ in range(100_000): nest = [nest]
            return nest
        """,
        error="nested too deeply",
    ),
    Attack(
        name="value that contains itself",
        stopped_by="process",
        body="loop = []\nloop.append(loop)\nreturn loop",
        error="contains itself",
    ),
    Attack(
        name="exception without a message",
        stopped_by="process",
        before="""
            class Evil(Exception):
                def __str__(self): raise SystemExit
        """,
        body="raise Evil",
        error=r"Evil: \(its message cannot be read: SystemExit\)",
    ),
    Attack(
        name="object with an evil repr",
        stopped_by="process",
        before="""
            class Evil:
                def __repr__(self): raise SystemExit
                def __getattr__(self, name): raise SystemExit
        """,
        body="return Evil()",
        error="no reply could be written|SystemExit|Evil",
    ),
    Attack(
        name="object that runs code when it is unpickled",
        stopped_by="process",
        before="""
            class Bomb:
                def __reduce__(self): return eval, ("open('exploded', 'w')",)
        """,
        body="return Bomb()",
        error="only plain data can cross here",
    ),
    Attack(
        name="pickle in an exception",
        stopped_by="process",
        before="""
            class Bomb(Exception):
                def __reduce__(self): return eval, ("open('exploded', 'w')",)
        """,
        body="raise Bomb('here')",
        error="Bomb: here",
    ),
    Attack(
        name="missing module",
        stopped_by="process",
        body="import no_such_module",
        error="ModuleNotFoundError: No module named 'no_such_module'",
    ),
]


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Target]:
    (tmp_path / "secret").write_text(SECRET)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(0)
        yield Target(outside=tmp_path, listener=listener)


def _run(sandbox: LocalSandbox, attack: Attack, target: Target) -> Outcome:
    if attack.stopped_by not in sandbox.guarantees:
        pytest.skip(f"this machine does not guarantee `{attack.stopped_by}`")
    return sandbox.call(attack.source, "attack", kwargs=target.kwargs, limits=attack.limits)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_attack_is_stopped(sandbox: LocalSandbox, attack: Attack, target: Target) -> None:
    outcome = _run(sandbox, attack, target)

    assert outcome.status == attack.status, outcome
    assert re.search(attack.error, outcome.error), outcome
    assert [path.name for path in target.outside.iterdir()] == ["secret"]
    assert (target.outside / "secret").read_text() == SECRET
    with pytest.raises(BlockingIOError):
        target.listener.accept()


AFTERWARDS = {
    "a module of its own in its folder": "open('textwrap.py', 'w').write('def dedent(text): return 7')",
    "a module replaced in memory": "import sys, types; sys.modules['textwrap'] = types.ModuleType('textwrap')",
    "a function replaced in memory": "import textwrap; textwrap.dedent = lambda text: 7",
    "a path of its own": "import os, sys; sys.path.insert(0, os.getcwd()); open('textwrap.py', 'w').write('x = 1')",
    "a hook on imports": "import sys; sys.meta_path.insert(0, type('Hook', (), {'find_spec': lambda *_: 1 / 0})())",
    "a variable of the environment": "import os; os.environ['PYTHONPATH'] = os.getcwd()",
}


@pytest.mark.parametrize("body", AFTERWARDS.values(), ids=AFTERWARDS)
def test_nothing_that_a_program_leaves_behind_reaches_the_next_one(sandbox: LocalSandbox, body: str) -> None:
    assert sandbox.call(f"def leave():\n    {body}\n", "leave").status == "ok"
    honest = "import os, textwrap\ndef f():\n    return textwrap.dedent('  a'), 'PYTHONPATH' in os.environ\n"
    assert sandbox.call(honest, "f").value == ("a", False)
