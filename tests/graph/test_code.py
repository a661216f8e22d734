"""Functions as parameters: their source, and what may replace it."""

from __future__ import annotations

import ast
import functools
import math
import os.path
import threading
from collections import Counter
from collections.abc import Callable
from math import floor
from typing import Any

import pytest

from agentopt.errors import CodeError, ProposalError, UsageError
from agentopt.graph.bundling import bundle
from agentopt.graph.code import check_source, compiled, function_source, marked_source, signature_of, surroundings
from agentopt.graph.node import detach
from agentopt.graph.scope import bound
from agentopt.graph.subgraph import subgraph
from agentopt.graph.trainable import Parameter

LIMIT = 3
TABLE = {"a": [1, (2, None)], "b": {1, 2}}
UNLIMITED = math.inf


def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return function(*args)

    return wrapper


@decorated
@decorated
def plain(x: int) -> int:
    # a comment
    return x + LIMIT


def test_source_is_without_decorators_and_with_comments() -> None:
    assert function_source(plain) == "def plain(x: int) -> int:\n    # a comment\n    return x + LIMIT\n"


def test_source_of_a_nested_function_is_not_indented() -> None:
    def nested(x: int) -> int:
        if x:
            return 1
        return 0

    assert function_source(nested).splitlines()[:2] == ["def nested(x: int) -> int:", "    if x:"]
    ast.parse(function_source(nested))


ANONYMOUS: list[Callable[..., Any]] = [lambda x: x]


@pytest.mark.parametrize("function", [len, int, *ANONYMOUS, functools.lru_cache(len)], ids=range(4))
def test_what_has_no_def_is_refused(function: Callable[..., Any]) -> None:
    with pytest.raises((UsageError, AttributeError)):
        function_source(function)


@pytest.mark.parametrize("function", [lambda x: x])
def test_lambda_in_a_decorator_is_not_taken_for_the_decorated_function(function: Callable[..., Any]) -> None:
    with pytest.raises(UsageError):
        function_source(function)


def test_function_made_by_exec_is_refused() -> None:
    space: dict[str, Any] = {}
    exec("def made(): pass", space)

    with pytest.raises(UsageError, match="`made`"):
        function_source(space["made"])


def test_text_at_the_left_margin_of_a_nested_function_is_refused_with_its_name() -> None:
    def nested() -> str:
        return """
at the margin
"""

    try:
        source = function_source(nested)
    except UsageError as error:
        assert "nested" in str(error)  # noqa: PT017  either is fine; garbage is not
    else:
        assert "\nat the margin\n" in source


@pytest.mark.parametrize(
    ("definition", "signature"),
    [
        ("def f(): ...", "()"),
        ("def f(a, b): ...", "(a, b)"),
        ("def f(a: int, b: str = 'x') -> int: ...", "(a, b)"),
        ("def f(a, /, b, *rest: int, c, d: int = 3, **more: str): ...", "(a, /, b, *rest, c, d, **more)"),
        ("def f(*, c=1): ...", "(*, c)"),
    ],
)
def test_signature_is_names_and_kinds(definition: str, signature: str) -> None:
    parsed = ast.parse(definition).body[0]
    assert isinstance(parsed, ast.FunctionDef)

    assert signature_of(parsed) == signature


@pytest.mark.parametrize(
    "source",
    [
        "def f(a, b): return a",
        "import math\nfrom os import path\nX = 1\n\ndef helper(): ...\n\ndef f(a: float, b: float = 3) -> float: ...",
        "@cached\ndef f(a, b): ...",
        "def f(wrong): ...\ndef f(a, b): ...",
        '"""ünï ☃"""\ndef f(a, b): return "☃"',
    ],
)
def test_replacement_with_the_same_arguments_is_accepted(source: str) -> None:
    check_source(source, "f", "(a, b)")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def f(a): ...", r"expected `f\(a, b\)`, got `f\(a\)`"),
        ("def f(b, a): ...", r"got `f\(b, a\)`"),
        ("def f(a, *, b): ...", r"got `f\(a, \*, b\)`"),
        ("def f(a, b, c=1): ...", r"got `f\(a, b, c\)`"),
        ("def f(a, b): ...\ndef f(a): ...", r"got `f\(a\)`"),
        ("def g(a, b): ...", "must define the function `f`"),
        ("class C:\n    def f(a, b): ...", "top level"),
        ("f = lambda a, b: a", "must define"),
        ("", "must define"),
        ("def f(a, b:\n    ...", r"does not parse: .* \(line 1: `def f\(a, b:`\)"),
        ("x = 1\n  y = 2", r"line 2"),
        (b"def f(a, b): ...", "got bytes"),
        (None, "got NoneType"),
    ],
)
def test_other_replacement_is_refused_with_words_for_the_model(source: Any, said: str) -> None:
    with pytest.raises(ProposalError, match=said):
        check_source(source, "f", "(a, b)")


def test_async_replacement_of_a_plain_function_is_refused() -> None:
    with pytest.raises(ProposalError):
        check_source("async def f(a, b): ...", "f", "(a, b)")


def test_generator_in_place_of_a_function_is_refused() -> None:
    with pytest.raises(ProposalError):
        check_source("def f(a, b):\n    yield a", "f", "(a, b)")


def reads_around(x: int) -> Any:
    return math.floor(x) + LIMIT + os.path.getsize(".") + len(TABLE) + len(str(plain))


def test_surroundings_are_modules_and_plain_constants() -> None:
    text = surroundings(reads_around)
    space: dict[str, Any] = {}
    exec(text, space)

    assert (space["math"], space["LIMIT"], space["TABLE"]) == (math, LIMIT, TABLE)
    assert "plain" not in space


Alias = Counter


def doubled(x: float) -> float:
    return 2 * capped(x)


def capped(x: float) -> float:
    return min(x, LIMIT) if x > 0 else doubled(-x)


@functools.cache
def remembered(x: int) -> int:
    return x


class Unit:
    pass


def reads_functions(x: float) -> Any:
    return doubled(x), floor(x), Alias, remembered, Unit


def test_surroundings_hold_functions_of_the_file_and_what_they_read() -> None:
    space: dict[str, Any] = {}
    exec(surroundings(reads_functions), space)
    assert [space["doubled"](x) for x in (1, 5, -2)] == [doubled(x) for x in (1, 5, -2)]
    assert space["doubled"] is not doubled


def test_surroundings_import_what_was_imported() -> None:
    space: dict[str, Any] = {}
    exec(surroundings(reads_functions), space)
    assert (space["floor"], space["Alias"]) == (floor, Counter)


def test_surroundings_leave_out_classes_of_the_file_and_decorated_functions() -> None:
    text = surroundings(reads_functions)
    assert "Unit" not in text
    assert "remembered" not in text


def test_replaced_source_in_the_sandbox_may_use_functions_of_the_file() -> None:
    @bundle(trainable=True)
    def scored(x: float) -> float:
        return doubled(x)

    scored.code.set("def scored(x):\n    return doubled(x) + 1\n")  # type: ignore[attr-defined]
    assert scored(5.0).value == 7  # type: ignore[attr-defined]


def test_surroundings_hold_closure_constants_of_now() -> None:
    k = 1

    def reads() -> int:
        return k

    before = surroundings(reads)
    k = 100

    assert (before, surroundings(reads)) == ("k = 1\n", "k = 100\n")


def test_surroundings_of_a_function_that_reads_nothing_are_empty() -> None:
    def reads_nothing(x: int) -> int:
        return x

    assert surroundings(reads_nothing) == ""


def test_surroundings_hold_infinite_constants() -> None:
    def reads() -> float:
        return UNLIMITED

    space: dict[str, Any] = {}
    exec(surroundings(reads), space)
    assert space["UNLIMITED"] == math.inf


def test_compiled_function_sees_what_is_around_and_does_not_change_it() -> None:
    around = {"k": 2}

    function = compiled("k2 = k * k\ndef f(x):\n    global k\n    k = 9\n    return x + k2\n", "f", "<f>", around)

    assert function(1) == 5
    assert around == {"k": 2}


@pytest.mark.parametrize("source", ["def f(: ...", "1 / 0", "import nosuchmodule", "raise ValueError"])
def test_source_that_cannot_be_executed_is_a_code_error(source: str) -> None:
    with pytest.raises(CodeError):
        compiled(source, "f", "<f>", {})


def test_source_without_the_function_is_a_code_error() -> None:
    with pytest.raises(CodeError):
        compiled("x = 1", "f", "<f>", {})


@pytest.mark.parametrize(
    ("line", "marked"),
    [
        (1, "a   # <-- E\nb"),
        (2, "a\nb   # <-- E"),
        (None, "a\nb\n# failed: E"),
        (0, "a\nb\n# failed: E"),
        (3, "a\nb\n# failed: E"),
        (-1, "a\nb\n# failed: E"),
    ],
)
def test_failing_line_is_marked(line: int | None, marked: str) -> None:
    assert marked_source("a\nb\n", line, "E") == marked


class Weigher:
    def __init__(self) -> None:
        self.factor = Parameter(3, name="factor")
        self.offset = 1
        self.lock = threading.Lock()

    @bundle(trainable=True)
    def weigh(self, x: int) -> int:
        return x

    def helper(self) -> int:
        return 0


def weighed(body: str) -> Any:
    """What `Weigher().weigh(2)` gives when its source is replaced, in the default sandbox."""
    weigher: Any = Weigher()
    code = weigher.weigh.code
    with bound({code: f"def weigh(self, x):\n    return {body}\n"}):
        return weigher.weigh(2)


def test_replaced_method_in_the_sandbox_sees_parameters_and_plain_attributes() -> None:
    assert detach(weighed("x * self.factor + self.offset")) == 7


def test_parameters_that_a_replaced_method_was_given_are_inputs() -> None:
    names = [version.parameter.name for version in subgraph(weighed("x")).parameters]

    assert sorted(map(str, names)) == ["factor", "weigh"]


def test_replaced_method_in_the_sandbox_lacks_what_cannot_cross() -> None:
    with pytest.raises(CodeError, match="lock"):
        weighed("self.lock")


def test_replaced_method_in_the_sandbox_lacks_other_methods() -> None:
    with pytest.raises(CodeError, match="helper"):
        weighed("self.helper()")
