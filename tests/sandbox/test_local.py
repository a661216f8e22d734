from __future__ import annotations

import gc
import json
import math
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from agentopt.errors import SandboxError, UsageError
from agentopt.sandbox.base import Limits, Sandbox
from agentopt.sandbox.local import LocalSandbox

IDENTITY = "def same(value):\n    return value\n"
NAP = "import time\ndef nap(seconds):\n    time.sleep(seconds)\n"


def _server_pid(sandbox: LocalSandbox) -> int:
    outcome = sandbox.call("import os\ndef parent():\n    return os.getppid()\n", "parent")
    assert outcome.status == "ok", outcome
    pid: int = outcome.value
    return pid


def _calls_under_way(sandbox: LocalSandbox) -> int:
    return len(list((sandbox._running()._root / "calls").iterdir()))


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _eventually(claim: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not claim():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_it_is_a_sandbox(sandbox: LocalSandbox) -> None:
    protocol: Sandbox = sandbox

    assert protocol.call(IDENTITY, "same", [1]).value == 1


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        "ünï ☃ \ud800 \x00",
        -0.0,
        math.inf,
        10**4000,
        (1, (2,)),
        {1, "a", (2, 3)},
        b"\x00\xff",
        {1: "a", (2, 3): [None]},
        {"$tuple": 1},
        [[], {}, set(), ()],
    ],
    ids=repr,
)
def test_value_comes_back_equal(sandbox: LocalSandbox, value: Any) -> None:
    outcome = sandbox.call(IDENTITY, "same", [value])

    assert (outcome.status, outcome.value, type(outcome.value)) == ("ok", value, type(value))


def test_nan_comes_back(sandbox: LocalSandbox) -> None:
    assert math.isnan(sandbox.call(IDENTITY, "same", [math.nan]).value)


def test_array_comes_back_equal(sandbox: LocalSandbox) -> None:
    import numpy as np

    array = np.array([[1, 2], [3, 4]], dtype=np.int32)
    value = sandbox.call(IDENTITY, "same", [array]).value

    assert value.dtype == array.dtype
    assert (value == array).all()


def test_positional_and_keyword_arguments_reach_the_function(sandbox: LocalSandbox) -> None:
    source = "def show(a, b, *, c, d=4):\n    return [a, b, c, d]\n"

    assert sandbox.call(source, "show", [1, 2], {"c": 3}).value == [1, 2, 3, 4]


def test_megabytes_cross_both_ways(sandbox: LocalSandbox) -> None:
    text = "x" * 3_000_000

    assert sandbox.call(IDENTITY, "same", [text]).value == text


def test_prints_are_kept(sandbox: LocalSandbox) -> None:
    source = (
        "import sys\ndef speak():\n    print('héllo')\n    print('err', file=sys.stderr)\n    print('end', end='')\n"
    )

    outcome = sandbox.call(source, "speak")

    assert outcome.stdout == "héllo\nerr\nend"


def test_prints_before_a_timeout_are_kept(sandbox: LocalSandbox) -> None:
    source = "def loop():\n    print('so far')\n    while True: pass\n"

    assert sandbox.call(source, "loop", limits=Limits(wall_s=0.2)).stdout == "so far\n"


def test_prints_are_capped(sandbox: LocalSandbox) -> None:
    source = "def flood():\n    while True: print('é' * 999)\n"

    assert len(sandbox.call(source, "flood", limits=Limits(output_kb=2)).stdout.encode()) <= 2048


def test_printing_too_much_is_noticed_though_the_program_ends_at_once(sandbox: LocalSandbox) -> None:
    source = "def shout():\n    print('x' * 5000)\n"

    statuses = {sandbox.call(source, "shout", limits=Limits(output_kb=4)).status for _ in range(20)}

    assert statuses == {"output"}


def test_lack_of_memory_tells_line_and_limit(sandbox: LocalSandbox) -> None:
    source = "def fill():\n    hoard = []\n    while True:\n        hoard.append(bytearray(1 << 24))\n"

    outcome = sandbox.call(source, "fill", limits=Limits(memory_mb=256))

    assert (outcome.status, outcome.line) == ("memory", 4)
    assert "256 MiB" in outcome.error
    assert "hoard.append" in outcome.traceback


def test_process_too_small_for_the_interpreter_is_a_lack_of_memory(sandbox: LocalSandbox) -> None:
    outcome = sandbox.call("def make():\n    return 'x' * 1_000_000\n", "make", limits=Limits(memory_mb=1))

    assert outcome.status == "memory"


def test_error_tells_line_and_shows_only_the_source(sandbox: LocalSandbox) -> None:
    source = "import json\ndef outer():\n    inner('{')\n\ndef inner(text):\n    return json.loads(text)\n"

    outcome = sandbox.call(source, "outer", filename="<heuristic>")

    assert (outcome.status, outcome.line) == ("error", 6)
    assert outcome.error.startswith("JSONDecodeError: ")
    files = [line.split('"')[1] for line in outcome.traceback.splitlines() if line.startswith("  File")]
    assert files == ["<heuristic>", "<heuristic>"]
    assert "inner('{')" in outcome.traceback
    assert "return json.loads(text)" in outcome.traceback


def test_syntax_error_shows_line_and_caret(sandbox: LocalSandbox) -> None:
    outcome = sandbox.call("x = 1\ny = = 2\n", "f")

    assert (outcome.status, outcome.line) == ("error", 2)
    assert outcome.error.startswith("SyntaxError: invalid syntax")
    assert "    y = = 2\n        ^\n" in outcome.traceback


def test_error_while_the_source_is_executed_tells_its_line(sandbox: LocalSandbox) -> None:
    outcome = sandbox.call("x = 1\ny = x / 0\n", "f")

    assert (outcome.status, outcome.error, outcome.line) == ("error", "ZeroDivisionError: division by zero", 2)


def test_timeout_tells_where_it_was(sandbox: LocalSandbox) -> None:
    source = "def outer():\n    inner()\n\ndef inner():\n    while True:\n        pass\n"

    outcome = sandbox.call(source, "outer", limits=Limits(wall_s=0.2))

    assert outcome.line in (5, 6)
    assert outcome.traceback.index("in outer") < outcome.traceback.index("in inner")


def test_crash_tells_where_it_was(sandbox: LocalSandbox) -> None:
    source = "import ctypes\ndef crash():\n    print('before')\n    ctypes.string_at(0)\n"

    outcome = sandbox.call(source, "crash")

    assert (outcome.status, outcome.line, outcome.stdout) == ("killed", 4, "before\n")


def test_missing_function_is_named(sandbox: LocalSandbox) -> None:
    assert sandbox.call(IDENTITY, "other").error == "NameError: the source defines no `other`"


def test_value_that_cannot_cross_is_named(sandbox: LocalSandbox) -> None:
    outcome = sandbox.call("def make():\n    return [1, {'a': object()}]\n", "make")

    assert outcome.status == "error"
    assert "$[1].a is a object" in outcome.error


def test_array_of_text_cannot_cross(sandbox: LocalSandbox) -> None:
    outcome = sandbox.call("def make():\n    import numpy\n    return numpy.array(['a'])\n", "make")

    assert (outcome.status, "an array of <U1" in outcome.error) == ("error", True)


def test_argument_that_is_not_plain_data_is_refused(sandbox: LocalSandbox) -> None:
    with pytest.raises(UsageError, match="`kwargs` of a sandbox call"):
        sandbox.call(IDENTITY, "same", kwargs={"value": object()})


@pytest.mark.parametrize("function", ["os:system", "agentopt:x", "agentopt.a:b.c", "a.b", "", "agentoptx.a:b"])
def test_function_that_is_neither_a_name_nor_agentopt_s_own_is_refused(sandbox: LocalSandbox, function: str) -> None:
    with pytest.raises(UsageError, match="`function` is"):
        sandbox.call(IDENTITY, function)


def test_installed_function_gets_the_source_first(sandbox: LocalSandbox) -> None:
    outcome = sandbox.call("text", "agentopt.canonical:canonical")

    assert outcome.value == '"text"'


def test_error_of_an_installed_function_shows_its_own_frames(sandbox: LocalSandbox) -> None:
    outcome = sandbox.call("{not python", "agentopt.sandbox.program:load", ["<candidate>"])

    assert (outcome.status, outcome.line) == ("error", 1)
    assert "program.py" in outcome.traceback


def test_dataclasses_and_typing_work_in_the_source(sandbox: LocalSandbox) -> None:
    source = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "@dataclass\nclass Point:\n    x: int\n\ndef make():\n    return Point(3).x\n"
    )

    assert sandbox.call(source, "make").value == 3


def test_calls_share_nothing(sandbox: LocalSandbox) -> None:
    source = (
        "import json, os\ndef visit():\n    seen = hasattr(json, 'mark') or os.listdir('.')\n"
        "    json.mark = 1\n    open('file', 'w').close()\n    return bool(seen)\n"
    )

    assert [sandbox.call(source, "visit").value for _ in range(2)] == [False, False]


def test_random_numbers_differ_between_calls() -> None:
    source = "import random, numpy\ndef draw():\n    return [random.random(), numpy.random.rand()]\n"

    with LocalSandbox(preload=("numpy",)) as sandbox:
        first, second = (sandbox.call(source, "draw").value for _ in range(2))

    assert first[0] != second[0]
    assert first[1] != second[1]


def test_environment_holds_nothing_of_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTOPT_TEST_SECRET", "secret")
    with LocalSandbox() as fresh:
        names = fresh.call("import os\ndef names():\n    return sorted(os.environ)\n", "names").value

    assert "AGENTOPT_TEST_SECRET" not in names
    assert "HOME" not in names


def test_temporary_files_work_inside(sandbox: LocalSandbox) -> None:
    source = (
        "import tempfile\ndef use():\n    with tempfile.TemporaryFile() as file:\n        return file.write(b'abc')\n"
    )

    assert sandbox.call(source, "use").value == 3


def test_asyncio_and_threads_work_inside(sandbox: LocalSandbox) -> None:
    source = (
        "import asyncio\nasync def work():\n    return await asyncio.to_thread(lambda: 7)\n"
        "def use():\n    return asyncio.run(work())\n"
    )

    assert sandbox.call(source, "use").value == 7


def test_solver_works_inside() -> None:
    source = (
        "import highspy\ndef solve():\n    h = highspy.Highs()\n    h.silent()\n"
        "    x = h.addIntegral(lb=0, ub=10)\n    h.addConstr(3 * x <= 10)\n    h.maximize(x)\n    return h.val(x)\n"
    )

    with LocalSandbox(preload=("numpy", "highspy")) as sandbox:
        outcome = sandbox.call(source, "solve")

    assert outcome.value == 3, outcome


def test_eight_threads_call_at_once(sandbox: LocalSandbox) -> None:
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda n: sandbox.call(IDENTITY, "same", [n]), range(40)))

    assert [outcome.value for outcome in outcomes] == list(range(40))


def test_sleeping_calls_do_not_wait_for_each_other(sandbox: LocalSandbox) -> None:
    began = time.monotonic()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: sandbox.call(NAP, "nap", [0.4]), range(8)))

    assert time.monotonic() - began < 8 * 0.4


def test_scratch_folder_is_removed_however_deep(sandbox: LocalSandbox) -> None:
    source = (
        "import os\ndef dig():\n    top = os.getcwd()\n    for _ in range(1200):\n"
        "        os.mkdir('d')\n        os.chdir('d')\n    return top\n"
    )

    outcome = sandbox.call(source, "dig")

    assert outcome.status == "ok", outcome
    assert not Path(outcome.value).exists()


def test_scratch_folder_is_removed_though_closed_to_its_owner(sandbox: LocalSandbox) -> None:
    source = "import os\ndef shut():\n    os.makedirs('a/b')\n    os.mkdir('a/b/c', 0)\n    return os.getcwd()\n"

    outcome = sandbox.call(source, "shut")

    assert outcome.status == "ok", outcome
    assert not Path(outcome.value).exists()


def test_server_that_was_killed_is_started_again() -> None:
    with LocalSandbox() as sandbox:
        os.kill(_server_pid(sandbox), signal.SIGKILL)

        assert sandbox.call(IDENTITY, "same", [1]).value == 1


def test_call_whose_server_dies_is_made_again() -> None:
    with LocalSandbox() as sandbox, ThreadPoolExecutor(1) as pool:
        pid = _server_pid(sandbox)
        nap = pool.submit(sandbox.call, NAP, "nap", [0.5])
        assert _eventually(lambda: _calls_under_way(sandbox) == 1)
        os.kill(pid, signal.SIGKILL)

        assert nap.result().status == "ok"


def test_call_that_loses_two_servers_is_an_error() -> None:
    with LocalSandbox() as sandbox, ThreadPoolExecutor(1) as pool:
        pid = _server_pid(sandbox)
        nap = pool.submit(sandbox.call, NAP, "nap", [60], limits=Limits(wall_s=60))
        assert _eventually(lambda: _calls_under_way(sandbox) == 1)
        os.kill(pid, signal.SIGKILL)
        pid = _server_pid(sandbox)
        assert _eventually(lambda: _calls_under_way(sandbox) == 1)
        os.kill(pid, signal.SIGKILL)

        with pytest.raises(SandboxError, match="lost twice"):
            nap.result()


def test_close_ends_server_and_removes_its_folders() -> None:
    sandbox = LocalSandbox()
    folder = Path(sandbox.call("import os\ndef where():\n    return os.getcwd()\n", "where").value)
    pid = _server_pid(sandbox)

    sandbox.close()

    assert not _is_alive(pid)
    assert not folder.parents[1].exists()


def test_garbage_collection_ends_the_server() -> None:
    sandbox = LocalSandbox()
    pid = _server_pid(sandbox)

    del sandbox
    gc.collect()

    assert not _is_alive(pid)


def test_closed_sandbox_refuses_calls() -> None:
    sandbox = LocalSandbox()
    sandbox.close()

    with pytest.raises(SandboxError, match="closed"):
        sandbox.call(IDENTITY, "same", [1])


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_killed_client_leaves_no_process_and_no_folder() -> None:
    client = (
        "import json\nfrom agentopt.sandbox.base import Limits\nfrom agentopt.sandbox.local import LocalSandbox\n"
        "sandbox = LocalSandbox()\n"
        "where = 'import os\\ndef where():\\n    return [os.getppid(), os.getcwd()]'\n"
        "print(json.dumps(sandbox.call(where, 'where').value), flush=True)\n"
        f"sandbox.call({NAP!r}, 'nap', [60], limits=Limits(wall_s=60))\n"
    )
    with subprocess.Popen([sys.executable, "-c", client], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pid, folder = json.loads(process.stdout.readline())
        assert _eventually(lambda: len(_children(pid)) == 1)
        processes = [pid, *_children(pid)]
        process.kill()

    assert _eventually(lambda: not any(map(_is_alive, processes)))
    assert _eventually(lambda: not Path(folder).parents[1].exists())


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not kill a child with its parent")
def test_killed_server_takes_its_children_along() -> None:
    with LocalSandbox() as sandbox, ThreadPoolExecutor(1) as pool:
        pid = _server_pid(sandbox)
        pool.submit(sandbox.call, NAP, "nap", [0.5])
        assert _eventually(lambda: len(_children(pid)) == 1)
        children = _children(pid)
        os.kill(pid, signal.SIGKILL)

        assert _eventually(lambda: not any(map(_is_alive, children)))


def test_module_that_cannot_be_preloaded_is_named() -> None:
    with LocalSandbox(preload=("no_such_module",)) as sandbox, pytest.raises(SandboxError, match="no_such_module"):
        sandbox.call(IDENTITY, "same", [1])


def test_required_guarantee_that_holds_is_accepted() -> None:
    with LocalSandbox(require=("process", "time")) as sandbox:
        assert {"process", "time"} <= set(sandbox.guarantees)


def test_required_guarantee_that_does_not_hold_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentopt.sandbox.local.guarantees_of", lambda *_: {"time": "wall clock"})

    with pytest.raises(SandboxError, match="cannot guarantee network; it guarantees time"):
        LocalSandbox(require=("time", "network"))


def test_platform_without_fork_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "fork")

    with pytest.raises(SandboxError, match="`fork`"):
        LocalSandbox()


def test_limits_of_the_sandbox_hold_for_calls_without_their_own() -> None:
    with LocalSandbox(limits=Limits(wall_s=0.1)) as sandbox:
        outcome = sandbox.call("def loop():\n    while True: pass\n", "loop")

    assert outcome.error == "did not end within 0.1 s"


def test_times_are_told(sandbox: LocalSandbox) -> None:
    outcome = sandbox.call(NAP, "nap", [0.3])

    assert outcome.wall_s > 0.1
    assert outcome.cpu_s > 0


def test_import_starts_nothing() -> None:
    program = (
        "import sys, threading, agentopt.sandbox.local\n"
        "assert threading.active_count() == 1\n"
        "print(*sorted({'ctypes', 'numpy', 'resource', 'multiprocessing'} & set(sys.modules)))"
    )

    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert shown.strip() == ""


def test_a_pickled_sandbox_is_another_one_with_the_same_settings() -> None:
    with LocalSandbox(preload=("json",), limits=Limits(wall_s=0.1)) as sandbox:
        copy = pickle.loads(pickle.dumps(sandbox))
        with copy:
            assert copy.call("def f():\n    while True: pass\n", "f").status == "timeout"
