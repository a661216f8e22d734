"""Operations: what they compute, and what is known of a bundled function."""

from __future__ import annotations

import operator

import pytest

from agentopt.graph.operation import OPERATIONS, Operation, attribute, method


def documented(first: int, /, second: int, *rest: int, named: int = 0, **others: int) -> int:
    """Adds."""
    return first + second


@pytest.mark.parametrize("name", [name for name in OPERATIONS if f"r{name}" in OPERATIONS])
def test_reflected_operation_swaps_its_operands(name: str) -> None:
    a, b = (6, 3) if name != "matmul" else (Side("a"), Side("b"))

    assert OPERATIONS[f"r{name}"].function(b, a) == OPERATIONS[name].function(a, b)


@pytest.mark.parametrize("name", [n for n in OPERATIONS if f"r{n}" in OPERATIONS and OPERATIONS[n].symbol])
def test_reflected_operation_is_written_in_the_order_of_the_program(name: str) -> None:
    assert OPERATIONS[f"r{name}"].symbol.format("a", "b") == OPERATIONS[name].symbol.format("b", "a")


class Side:
    def __init__(self, name: str) -> None:
        self.name = name

    def __matmul__(self, other: Side) -> str:
        return self.name + other.name


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("add", "x + y"),
        ("floordiv", "x // y"),
        ("pow", "x ** y"),
        ("matmul", "x @ y"),
        ("rsub", "y - x"),
        ("eq", "x == y"),
        ("getitem", "x[y]"),
        ("neg", "-x"),
    ],
)
def test_operator_is_written_as_in_python(name: str, text: str) -> None:
    assert OPERATIONS[name].symbol.format("x", "y") == text


def test_operation_of_a_function_knows_its_source_and_positional_parameters() -> None:
    operation = Operation("documented", documented)

    assert operation.source.startswith("def documented(")
    assert operation.source.endswith("return first + second")
    assert operation.parameters == ("first", "second")


def test_source_of_a_nested_function_is_not_indented() -> None:
    def nested(x: int) -> int:
        return x

    assert Operation("nested", nested).source == "def nested(x: int) -> int:\n    return x"


def test_builtin_has_no_source() -> None:
    assert Operation("len", len).source == ""


def test_operator_has_no_source() -> None:
    assert OPERATIONS["add"].source == ""


def test_function_without_signature_has_no_parameter_names() -> None:
    assert Operation("dict", dict).parameters == ()


def test_attribute_reads_and_method_calls() -> None:
    assert attribute("real").function(3) == 3
    assert method("replace").function("aa", "a", "b", 1) == "ba"


def test_operations_use_python_s_own_functions() -> None:
    assert OPERATIONS["add"].function is operator.add
