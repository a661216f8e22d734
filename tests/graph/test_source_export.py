"""Exported source: runs without agentopt, and gives what the trained original gives."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agentopt.errors import UsageError
from agentopt.graph.module import Module
from agentopt.graph.node import detach
from agentopt.graph.source_export import export_source
from agentopt.graph.tracing import Trace
from agentopt.graph.trainable import Parameter

HEAD = "import agentopt as ao\nimport math\n"
REFUSING = """
import sys

class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "agentopt":
            raise ImportError(name)

sys.meta_path.insert(0, Refusing())
sys.path.insert(0, {folder!r})
import plain
print(repr(plain.{call}))
"""
Importer = Callable[..., Any]


@pytest.fixture
def imported(tmp_path: Path) -> Iterator[Importer]:
    """Writes a file and imports it."""
    names: list[str] = []

    def run(source: str, *, name: str = "original") -> types.ModuleType:
        file = tmp_path / f"{name}.py"
        file.write_text(HEAD + source, encoding="utf-8")
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None
        assert spec.loader is not None
        made = sys.modules[name] = importlib.util.module_from_spec(spec)
        names.append(name)
        spec.loader.exec_module(made)
        return made

    yield run
    for name in names:
        del sys.modules[name]


def run_exported(target: object, folder: Path, call: str) -> str:
    """What a call prints in a process where agentopt cannot be imported."""
    plain = folder / "plain"
    plain.mkdir(exist_ok=True)
    export_source(target, plain / "plain.py")
    code = REFUSING.format(folder=str(plain), call=call)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def text_of(target: object, folder: Path) -> str:
    export_source(target, folder / "plain.py")
    return (folder / "plain.py").read_text(encoding="utf-8")


def plain_value(result: Any) -> Any:
    return result.value if isinstance(result, Trace) else detach(result)


AGENT = """
FACTOR = 2 * math.pi

def total(items):
    return sum(i.value for i in items)

class Item:
    def __init__(self, value):
        self.value = value

@ao.bundle
def double(x):
    "Doubles."
    return 2 * x

@ao.bundle
def pair(x):
    return x, x + 1

@ao.bundle
def count(x):
    for i in range(x):
        yield i

@ao.module
class Part:
    def __init__(self, start):
        self.limit = ao.Parameter(start, name="limit")

@ao.module
class Agent:
    "An agent."
    shared = ao.Parameter(7, name="shared")

    def __init__(self, n=2):
        self.p = ao.Parameter(3, name="p", bounds=(0, 100))
        self.text = ao.Parameter("start", name="text")
        self.many = [ao.Parameter(i, name=f"m{i}") for i in range(n)]
        self.mixed = {"a": ao.Parameter(1.5, name="a"), "b": "plain"}
        self.part = Part(1)
        self.last = None

    @ao.bundle
    def weigh(self, items):
        return total(items) + max(items, key=lambda i: i.value).value + self.p.value

    def helper(self, x):
        return x.value + 1

    def run(self, x):
        return EXPRESSION
"""
FORMS = [
    "self.p + x",
    "self.p.value + x",
    "ao.detach(self.p) + x",
    "double(self.p)",
    "double(x).value + 1",
    "(double(x) + self.p).value",
    "double(self.p).describe('twice').value",
    "self.p == 30",
    "[r.value for r in [double(i) for i in range(3)]]",
    "sum(r.value for r in count(3))",
    "[i * v.value for i, v in enumerate(self.many)]",
    "pair(x)[1].value",
    "self.many[1] * self.shared",
    "self.mixed['a'].value",
    "self.part.limit.value + self.part.limit",
    "self.weigh([Item(1), Item(2)])",
    "self.helper(double(x))",
    "f'{self.text}: {self.text.upper()}'",
    "self.text.upper().value",
    "len(self.text)",
    "FACTOR * self.p",
    "(lambda n: n + 1)(self.p)",
    "(yes := self.p).value + yes",
    "ao.node(x).value",
    "ao.node(2).attribute('real').value",
    "sorted(self.many, key=lambda m: -m.value)[0].value",
    "abs(-self.p).value",
    "max(self.p, double(1)).value",
    "(self.p if x else double(x)).value",
    "double(self.last or 4).value",
]


@pytest.mark.parametrize("form", FORMS)
def test_exported_module_computes_what_the_trained_one_does(form: str, imported: Importer, tmp_path: Path) -> None:
    agent = imported(AGENT.replace("EXPRESSION", form)).Agent()
    for name, value in {"p": 30, "text": "trained", "many[1]": 8, "mixed['a']": 2.5, "part.limit": 5}.items():
        agent.parameters()[name].set(value)
    expected = plain_value(agent.run(4))

    assert run_exported(agent, tmp_path, "Agent().run(4)") == repr(expected)


def test_trained_values_stand_where_the_parameters_were_made(imported: Importer, tmp_path: Path) -> None:
    agent = imported(AGENT.replace("EXPRESSION", "x")).Agent()
    agent.p.set(30)

    text = text_of(agent, tmp_path)

    assert "self.p = 30\n" in text
    assert "self.many = [0, 1]\n" in text
    assert "agentopt." not in text
    assert "Parameter" not in text


def test_what_is_not_used_is_not_exported(imported: Importer, tmp_path: Path) -> None:
    agent = imported("import json\nOTHER = 1\n\ndef other(): ...\n" + AGENT.replace("EXPRESSION", "x")).Agent()

    text = text_of(agent, tmp_path)

    assert not {"json", "OTHER", "other", "double"} & set(text.replace("(", " ").split())


TWINS = """
@ao.module
class Part:
    def __init__(self, start):
        self.limit = ao.Parameter(start, name="limit")

@ao.module
class Team:
    def __init__(self):
        self.parts = [Part(1), Part(2)]
        self.passed = Part(ao.Parameter(3, name="passed"))

    def run(self):
        return [p.limit.value for p in (self.parts[0], self.parts[1])]
"""


def test_two_instances_of_one_class_keep_their_own_values(imported: Importer, tmp_path: Path) -> None:
    team = imported(TWINS.replace("[p.limit.value for p in (self.parts[0], self.parts[1])]", "1")).Team()
    team.parts[0].limit.set(10)
    team.parts[1].limit.set(20)

    assert run_exported(team, tmp_path, "Team().parts[0].limit") == "10"
    assert run_exported(team, tmp_path, "Team().parts[1].limit") == "20"


def test_dot_value_of_what_may_be_no_node_is_refused_with_its_place(imported: Importer, tmp_path: Path) -> None:
    team = imported(TWINS).Team()

    with pytest.raises(UsageError, match=r"`p.limit.value` at .*original.py:\d+.*detach"):
        export_source(team, tmp_path / "plain.py")
    assert not (tmp_path / "plain.py").exists()


CODE = """
SCALE = 3

@ao.module
class Solver:
    @ao.bundle(trainable=True, sandbox=None)
    def solve(self, x):
        return x

    @ao.trace
    def run(self, x):
        return self.solve(x) + 1
"""
TRAINED = "import json\nK = 5\n\ndef times(x):\n    return x * K * SCALE\n\ndef solve(self, x):\n    return times(x)\n"


def test_trained_code_of_a_method_is_exported_with_its_helpers(imported: Importer, tmp_path: Path) -> None:
    solver = imported(CODE).Solver()
    solver.solve.code.set(TRAINED)

    assert solver.run(2).value == 31
    assert run_exported(solver, tmp_path, "Solver().run(2)") == "31"


def test_different_code_in_two_instances_is_refused(imported: Importer, tmp_path: Path) -> None:
    both = "@ao.module\nclass Both:\n    def __init__(self):\n        self.a = Solver()\n        self.b = Solver()\n"
    held = imported(CODE + both).Both()
    held.a.solve.code.set(TRAINED)

    with pytest.raises(UsageError, match=r"`Solver\.solve`"):
        export_source(held, tmp_path / "plain.py")


def test_changed_helper_in_trained_code_that_does_not_parse_is_refused(imported: Importer, tmp_path: Path) -> None:
    solver = imported(CODE).Solver()
    solver.solve.code.set("def solve(self, x:\n")

    with pytest.raises(UsageError, match=r"`Solver\.solve`"):
        export_source(solver, tmp_path / "plain.py")


WORKFLOW = """
from functools import partial

WIDTH = ao.Parameter(2, name="WIDTH")
PROMPTS = {"a": ao.Parameter("x", name="a")}
FIXED = ao.node(10)
CASES = []
CASES.append(4)

@ao.module
class Part:
    def __init__(self):
        self.limit = ao.Parameter(1, name="limit")

part = Part()

@ao.bundle(trainable=True, sandbox=None)
def scale(x):
    return x

@ao.bundle
def area(x, *, height=FIXED):
    return x * height

@ao.trace
def run(x: "ao.Node", extra=WIDTH) -> "ao.Trace":
    with ao.stop_tracing():
        seen = WIDTH.value
    wide = area(scale(x)) + WIDTH + CASES[0]
    if wide.value > seen:
        wide = wide + part.limit
    return [wide, PROMPTS["a"], extra]
"""


def test_traced_workflow_is_exported_with_its_parameters_and_bundles(imported: Importer, tmp_path: Path) -> None:
    original = imported(WORKFLOW)
    original.WIDTH.set(50)
    original.PROMPTS["a"].set("trained")
    original.part.limit.set(7)
    original.scale.code.set("def scale(x):\n    return 100 * x\n")

    assert original.run(1).value == [1061, "trained", 50]
    assert run_exported(original.run, tmp_path, "run(1)") == "[1061, 'trained', 50]"


def test_async_workflow_is_exported(imported: Importer, tmp_path: Path) -> None:
    source = """
import asyncio

@ao.bundle
async def later(x):
    return x + 1

@ao.trace
async def run(x):
    parts = await asyncio.gather(*[later(i) for i in range(x)])
    one = await later(x)
    return sum(p.value for p in parts) + one.value

def main(x):
    return asyncio.run(run(x)).value
"""
    original = imported(source)

    assert run_exported(original.main, tmp_path, "main(3)") == repr(original.main(3))


def test_helpers_of_another_file_are_copied_only_where_agentopt_is_in_them(imported: Importer, tmp_path: Path) -> None:
    imported("@ao.bundle\ndef double(x):\n    return 2 * x\n", name="with_bundles")
    source = (
        "from with_bundles import double as twice\nfrom os import path\n\ndef run(x):\n    return twice(x), path.sep\n"
    )
    run = imported(source).run

    assert run_exported(run, tmp_path, "run(2)") == "(4, '/')"


def test_dataclass_and_inherited_module_are_exported(imported: Importer, tmp_path: Path) -> None:
    source = """
from dataclasses import dataclass, field

@ao.module
@dataclass
class Base:
    size: int = 3
    p: ao.Parameter = field(default_factory=lambda: ao.Parameter(1, name="p"))

class Agent(Base):
    def run(self):
        return self.p.value + self.size

class Typed(ao.Module):
    def __init__(self):
        self.q = ao.Parameter(1, name="q")
"""
    original = imported(source)
    agent, typed = original.Agent(), original.Typed()
    agent.p.set(20)
    typed.q.set(30)

    assert run_exported(agent, tmp_path, "Agent().run()") == "23"
    assert run_exported(typed, tmp_path, "Typed().q") == "30"


def test_values_without_a_plain_literal_are_written_as_calls(imported: Importer, tmp_path: Path) -> None:
    source = "P = ao.Parameter([1], name='P')\n\ndef run():\n    return P + []\n"
    original = imported(source)
    original.P.set([float("inf"), -1.5, {"é\n": (1, b"x")}, {2}, frozenset()])

    assert run_exported(original.run, tmp_path, "run()") == "[inf, -1.5, {'é\\n': (1, b'x')}, {2}, frozenset()]"


INIT = "@ao.module\nclass A:\n    def __init__(self, given=None):\n        self.p = ao.Parameter(1, name='p')\n"
REFUSED = {
    "computes with a parameter": INIT + "        self.q = self.p + 1\n\ntarget = A()\n",
    "has no literal form": INIT + "\ntarget = A()\ntarget.p.set(object())\n",
    "has no plain form": INIT + "    def run(self, llm):\n        return ao.ask(llm, 'x')\n\ntarget = A()\n",
    "has no such attribute": INIT + "    def run(self):\n        self.p.set(3)\n\ntarget = A()\n",
    "import it at the top": INIT + "    def run(self):\n        import agentopt\n\ntarget = A()\n",
    "returns early": INIT
    + "        if given:\n            return\n\ntarget = A()\ntarget.more = ao.Parameter(1, name='m')\n",
    "nothing has this name": INIT + "    def run(self):\n        return missing\n\ntarget = A()\n",
    "got the class `A`": INIT + "\ntarget = A\n",
    "got a int": "target = 3\n",
    "cannot be read": "exec('def target(): pass')\n",
    "`held`": "def make(held):\n    def run():\n        return held\n    return run\n\ntarget = make(object())\n",
    "not marked": INIT.replace("@ao.module", "") + "\nheld = A()\n\ndef target():\n    return held.p\n",
    "a tuple holds": INIT + "\ntarget = A()\ntarget.t = (ao.Parameter(1, name='t'),)\n",
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_cannot_be_exported_is_refused_in_words(why: str, imported: Importer, tmp_path: Path) -> None:
    target = imported(REFUSED[why]).target

    with pytest.raises(UsageError, match=why):
        export_source(target, tmp_path / "plain.py")


def test_parameter_set_from_outside_is_assigned_at_the_end_of_init(imported: Importer, tmp_path: Path) -> None:
    agent = imported(
        INIT + "        self.p = given or self.p\n".replace("given or self.p", "ao.Parameter(2, name='p')")
    ).A()
    agent.more = Parameter("x", name="more")

    assert run_exported(agent, tmp_path, "A().more") == "'x'"


def test_function_in_a_closure_is_exported_with_its_parameters(imported: Importer, tmp_path: Path) -> None:
    source = """
def make():
    local = ao.Parameter(1, name="local")
    def helper(x):
        return x + local
    @ao.trace
    def run(x):
        return helper(x)
    return run, local

run, local = make()
"""
    original = imported(source)
    original.local.set(40)

    assert run_exported(original.run, tmp_path, "run(2)") == "42"


def test_module_method_exports_too(imported: Importer, tmp_path: Path) -> None:
    agent = imported(INIT).A()

    agent.export(tmp_path / "plain.py")

    assert "self.p = 1" in (tmp_path / "plain.py").read_text()
    assert hasattr(Module, "export")


def test_same_module_exports_to_the_same_text(imported: Importer, tmp_path: Path) -> None:
    agent = imported(AGENT.replace("EXPRESSION", "double(self.p) + FACTOR")).Agent()

    assert text_of(agent, tmp_path) == text_of(agent, tmp_path)
