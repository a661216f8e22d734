"""Data that a program states, and which of them its model depends on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agentopt.adapters.answer import answer_of
from agentopt.modeling.evidence.literals import stated_data, unused_numbers, with_data
from agentopt.modeling.model import Model
from agentopt.sandbox.base import Limits
from agentopt.sandbox.local import LocalSandbox

PROGRAM = """
import gurobipy as gp
price, hours, unused = {"a": 5, "b": 3.5}, [8, 0, -2], 7
m = gp.Model()
x = m.addVars(price, ub=10, name="x")
m.addConstr(x["a"] + x["b"] <= hours[0] + hours[2], name="hours")
m.setObjective(gp.quicksum(price[i] * x[i] for i in price), gp.GRB.MAXIMIZE)
m.optimize()
"""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[LocalSandbox]:
    with LocalSandbox(preload=("numpy",)) as place:
        yield place


def model_of(program: str, sandbox: LocalSandbox) -> Model:
    found = answer_of(program, None, sandbox).model
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("program", "data"),
    [
        ("", {}),
        ("x = (", {}),
        ("x = 3", {"x": [3]}),
        ("x: int = 3", {"x": [3]}),
        ("x: int", {}),
        ("x = 0\ny = True\nz = 'a'", {"x": [], "y": [], "z": []}),
        ("größe = {'ä': [1, 2], 3: -4.5}", {"größe": [1, 2, 4.5]}),
        ("x = 1\nx = 2", {"x": [1], "x (line 2:4)": [2]}),
        ("def f():\n    x = [1]", {"x": [1]}),
        ("x = f(3)", {}),
        ("a, b = 1, [2, 3]", {"a": [1], "b": [2, 3]}),
        ("a, b = pair", {}),
        ("x[0] = 3", {}),
    ],
)
def test_numbers_of_plain_assignments_are_data(program: str, data: dict[str, list[float]]) -> None:
    assert stated_data(program) == data


def test_a_program_with_its_own_data_is_the_same_program() -> None:
    assert stated_data(with_data(PROGRAM, stated_data(PROGRAM))) == stated_data(PROGRAM)


def test_other_data_take_their_places() -> None:
    changed = with_data("a, b = {'x': 1}, [2, 0, -3]", {"a": [7], "b": [8, 9]})
    assert changed == "a, b = ({'x': 7}, [8, 0, -9])"


def test_the_number_that_the_model_does_not_depend_on_is_named(sandbox: LocalSandbox) -> None:
    found = unused_numbers(PROGRAM, model_of(PROGRAM, sandbox), sandbox, Limits())
    assert (found.result, found.names) == ("warning", ("unused[0]",))


def test_a_program_that_uses_all_its_numbers_is_fine(sandbox: LocalSandbox) -> None:
    program = PROGRAM.replace("hours[0]", "unused + hours[0]")
    assert unused_numbers(program, model_of(program, sandbox), sandbox, Limits()).result == "fine"


def test_a_program_that_builds_another_model_every_time_cannot_be_checked(sandbox: LocalSandbox) -> None:
    program = PROGRAM.replace("ub=10", "ub=__import__('random').random()")
    assert unused_numbers(program, model_of(program, sandbox), sandbox, Limits()).result == "not checked"


def test_a_program_without_data_has_none_unused(sandbox: LocalSandbox) -> None:
    program = "import gurobipy as gp\nm = gp.Model()\nx = m.addVar(ub=4)\nm.setObjective(-x)\nm.optimize()\n"
    assert unused_numbers(program, model_of(program, sandbox), sandbox, Limits()).result == "fine"
