"""Bundles: one call is one node, whatever the arguments, the body and the way it ends."""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import math
import pickle
from collections import namedtuple
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentopt.errors import CodeError, UsageError
from agentopt.graph.bundling import bundle
from agentopt.graph.node import Node, detach, node
from agentopt.graph.scope import bound
from agentopt.graph.subgraph import subgraph
from agentopt.graph.tracing import Trace, trace
from agentopt.graph.trainable import Parameter
from agentopt.sandbox.local import LocalSandbox

SETTINGS = settings(derandomize=True, deadline=None, max_examples=50)
GLOBAL = Parameter(100, name="GLOBAL")
FACTOR = 3


def parents(result: Any) -> set[Node]:
    """Of a result that type checkers take for a plain value."""
    return set(result.parents)


# arguments


@bundle
def everything(*args: Any, **kwargs: Any) -> Any:
    return args, kwargs


@given(args=st.lists(st.integers()), kwargs=st.dictionaries(st.sampled_from("abcdef"), st.integers()))
@SETTINGS
def test_function_gets_the_plain_values_of_all_arguments(args: list[int], kwargs: dict[str, int]) -> None:
    nodes = [node(a) if a % 2 else a for a in args]
    named = {k: node(v) if v % 2 else v for k, v in kwargs.items()}

    assert detach(everything(*nodes, **named)) == (tuple(args), kwargs)


def test_result_is_a_node_with_all_node_arguments_as_parents() -> None:
    a, b, c = node(1), node(2), node(3)

    made: Any = everything(a, 7, b, key=c)

    assert isinstance(made, Node)
    assert made.parents == (a, b, c)


def test_result_without_node_arguments_is_a_node_too() -> None:
    made: Any = everything(1)

    assert isinstance(made, Node)
    assert made.parents == ()


def test_default_values_are_python_s() -> None:
    @bundle
    def add(a: int, b: int = 10, *, c: int = 100) -> int:
        return a + b + c

    assert detach(add(node(1))) == 111  # type: ignore[arg-type]
    assert detach(add(node(1), c=node(0))) == 11  # type: ignore[arg-type]


def test_default_value_that_is_a_node_becomes_a_parent() -> None:
    default = node(10)

    @bundle
    def add(a: int, b: Any = default) -> Any:
        return a + b

    made = add(1)

    assert made.value == 11
    assert made.parents == (default,)


def test_wrong_arguments_raise_what_python_raises() -> None:
    @bundle
    def one(a: int) -> int:
        return a

    with pytest.raises(TypeError, match="2 were given"):
        one(1, 2)  # type: ignore[call-arg]


def test_each_call_keeps_its_own_inputs() -> None:
    first: Any = everything(1, key="a")
    second: Any = everything(2, key="b")

    assert (first.inputs, second.inputs) == ((1, "a"), (2, "b"))


Named = namedtuple("Named", "x y")


@dataclass
class Data:
    x: Any


class Model(pydantic.BaseModel):
    x: Any


@pytest.mark.parametrize(
    "wrap",
    [
        lambda x: [1, x],
        lambda x: (x, 1),
        lambda x: Named(0, x),
        lambda x: {"k": x},
        lambda x: {x},
        lambda x: frozenset({x}),
        lambda x: Data(x),
        lambda x: Model(x=x),
        lambda x: {"deep": [(Data([x]),)]},
    ],
)
def test_nodes_inside_arguments_are_found_and_unwrapped(wrap: Callable[[Any], Any]) -> None:
    a = node(5)
    got: list[Any] = []

    @bundle
    def take(argument: Any) -> int:
        got.append(argument)
        return 0

    made: Any = take(wrap(a))

    assert got == [wrap(5)]
    assert made.parents == (a,)


def test_argument_without_nodes_is_passed_as_the_same_object() -> None:
    plain = {"k": [object()]}
    got: list[Any] = []

    bundle(got.append)(plain)

    assert got[0] is plain


def test_node_inside_a_slice_argument_is_unwrapped() -> None:
    @bundle
    def stop_of(part: slice) -> type:
        return type(part.stop)

    assert detach(stop_of(slice(None, node(2)))) is int


def test_bundle_keeps_name_documentation_and_signature() -> None:
    @bundle
    def ask(question: str) -> str:
        """Asks."""
        return question

    assert (ask.__name__, ask.__doc__) == ("ask", "Asks.")
    assert repr(ask) == "<bundle ask>"


# functions of all kinds


class Counter:
    def __init__(self, start: Any) -> None:
        self.start = start
        self.calls = 0

    @bundle
    def add(self, amount: int) -> Any:
        self.calls += 1
        return self.start + amount

    @staticmethod
    @bundle
    def double(x: int) -> int:
        return 2 * x

    @classmethod
    @bundle
    def described(cls, x: int) -> str:
        return f"{cls.__name__} {x}"


def test_method_is_called_on_its_object() -> None:
    counter = Counter(10)

    assert detach(counter.add(5)) == 15
    assert counter.calls == 1


def test_node_read_through_self_becomes_a_parent() -> None:
    start, amount = node(10), node(5)

    made: Any = Counter(start).add(amount)  # type: ignore[arg-type]

    assert set(made.parents) == {start, amount}


def test_method_called_on_the_class_is_the_method() -> None:
    assert detach(Counter.add(Counter(1), 2)) == 3


def test_staticmethod_above_bundle_works() -> None:
    assert detach(Counter.double(4)) == 8
    assert detach(Counter(0).double(4)) == 8


def test_classmethod_above_bundle_works() -> None:
    assert detach(Counter.described(4)) == "Counter 4"
    assert detach(Counter(0).described(4)) == "Counter 4"


@pytest.mark.parametrize("kind", [classmethod, staticmethod])
def test_bundle_above_classmethod_or_staticmethod_works_or_is_refused(kind: Any) -> None:
    def last(*args: Any) -> Any:
        return args[-1]

    try:
        made: Any = bundle(kind(last))
    except UsageError:
        return
    holder: Any = type("Holder", (), {"f": made})
    assert detach(holder().f(3)) == 3
    assert len(holder().f(3).inputs) == (1 if kind is staticmethod else 2)


@dataclass
class DataAgent:
    prompt: Any
    calls: int = 0

    @bundle
    def ask(self, question: str) -> str:
        self.calls += 1
        return f"{self.prompt} {question}"


def test_node_in_a_dataclass_self_becomes_a_parent() -> None:
    prompt = Parameter("Be brief.", name="prompt")

    made: Any = DataAgent(prompt).ask("Why?")

    assert made.value == "Be brief. Why?"
    assert [v.parameter for v in subgraph(made).parameters] == [prompt]


def test_method_of_a_dataclass_changes_the_object_itself() -> None:
    agent = DataAgent(Parameter("Be brief.", name="prompt"))

    agent.ask("Why?")

    assert agent.calls == 1


def test_builtin_function_can_be_bundled() -> None:
    length = bundle(len)
    a = node([1, 2])

    made: Any = length(a)

    assert (made.value, made.parents) == (2, (a,))


def test_partial_can_be_bundled() -> None:
    binary: Any = bundle(functools.partial(int, base=2))

    assert binary("101").value == 5


@bundle
def multiples(count: int, failing: bool = False) -> Iterator[int]:
    for i in range(count):
        yield i * GLOBAL.value
    if failing:
        raise ValueError("no more")


@bundle
async def multiples_later(count: int) -> AsyncIterator[int]:
    for i in range(count):
        yield i * GLOBAL.value


def test_each_value_that_a_generator_yields_is_a_node() -> None:
    count = node(3)

    made: Any = list(multiples(count))  # type: ignore[arg-type]

    assert [detach(n) for n in made] == [0, 100, 200]
    assert all(n.parents == (count, GLOBAL._leaf()) for n in made)


def test_generator_runs_only_as_far_as_it_is_asked() -> None:
    asked: Any = multiples(10**9)

    assert [detach(next(asked)) for _ in range(2)] == [0, 100]


def test_generator_of_nothing_gives_no_node() -> None:
    assert list(multiples(0)) == []


def test_generator_that_fails_after_a_value_is_a_failed_node() -> None:
    @trace
    def workflow() -> Any:
        return list(multiples(1, failing=True))

    run = workflow()

    assert isinstance(run.error, ValueError)
    assert run.output.operation.name == "multiples"


def test_each_value_of_an_asynchronous_generator_is_a_node() -> None:
    async def gathered() -> list[Any]:
        return [x async for x in multiples_later(3)]

    made = asyncio.run(gathered())

    assert [detach(n) for n in made] == [0, 100, 200]
    assert all(n.parents == (GLOBAL._leaf(),) for n in made)


def test_code_outside_a_generator_is_not_inside_its_scope() -> None:
    outer = node(7)

    made: Any = [(detach(item), outer + 1) for item in multiples(2)]

    assert all(outer not in item.parents for item in multiples(2))  # type: ignore[attr-defined]
    assert [after.parents for _, after in made] == [(outer,), (outer,)]


def test_trainable_generator_is_refused() -> None:
    with pytest.raises(UsageError, match="generator"):
        bundle(trainable=True)(multiples.function)  # type: ignore[attr-defined]


def test_recursive_bundle_is_one_node_outside() -> None:
    @bundle
    def factorial(n: int) -> int:
        return 1 if n == 0 else n * factorial(n - 1)

    n = node(5)

    made: Any = factorial(n)  # type: ignore[arg-type]

    assert made.value == 120
    assert made.parents == (n,)


# async def


@bundle
async def slow_add(a: int, b: int) -> int:
    await asyncio.sleep(0)
    return a + b


def test_async_bundle_gives_a_node_when_awaited() -> None:
    a, b = node(1), node(2)

    made: Any = asyncio.run(slow_add(a, b=b))  # type: ignore[arg-type]

    assert (made.value, made.parents) == (3, (a, b))


def test_concurrent_calls_of_an_async_bundle_keep_their_own_arguments() -> None:
    async def all_of_them() -> list[Any]:
        return await asyncio.gather(*(slow_add(node(i), 10) for i in range(50)))  # type: ignore[arg-type]

    made = asyncio.run(all_of_them())

    assert [m.value for m in made] == [i + 10 for i in range(50)]
    assert [m.parents[0].value for m in made] == list(range(50))


def test_async_bundle_finds_hidden_inputs() -> None:
    hidden = node(5)

    @bundle
    async def read() -> Any:
        await asyncio.sleep(0)
        return hidden + 1

    made: Any = asyncio.run(read())

    assert (made.value, made.parents) == (6, (hidden,))


def test_concurrent_async_bundles_do_not_mix_their_hidden_inputs() -> None:
    @bundle
    async def read(hidden: list[Any]) -> Any:
        await asyncio.sleep(0)
        total = hidden[0]() + 1
        await asyncio.sleep(0)
        return total

    nodes = [node(i) for i in range(20)]

    async def all_of_them() -> list[Any]:
        return await asyncio.gather(*(read([lambda n=n: n]) for n in nodes))

    made = asyncio.run(all_of_them())

    assert [set(m.parents) & set(nodes) for m in made] == [{n} for n in nodes]


def test_node_made_by_another_task_meanwhile_is_a_hidden_input() -> None:
    box: list[Node] = []

    async def both() -> Any:
        filled = asyncio.Event()

        @bundle
        async def read() -> Any:
            await filled.wait()
            return box[0] + 1

        async def fill() -> None:
            box.append(node(1))
            filled.set()

        made, _ = await asyncio.gather(read(), fill())
        return made

    made = asyncio.run(both())

    assert made.parents == (box[0],)


def test_async_failure_is_ordinary_python_outside_a_trace() -> None:
    @bundle
    async def fail() -> None:
        raise ValueError

    with pytest.raises(ValueError):
        asyncio.run(fail())


# hidden inputs


def test_node_read_through_a_closure_becomes_a_parent() -> None:
    hidden = node(5)

    @bundle
    def read(x: int) -> Any:
        return x + hidden

    x = node(1)
    made = read(x)  # type: ignore[arg-type]

    assert made.value == 6
    assert made.parents == (x, hidden)


@bundle
def read_global(x: int) -> Any:
    return x + GLOBAL


def test_parameter_read_through_a_global_becomes_a_parent() -> None:
    made = read_global(1)

    assert made.value == 101
    assert [v.parameter for v in made.parents] == [GLOBAL]


@pytest.mark.parametrize("read", [bool, int, str, lambda x: x.value, lambda x: f"{x}", lambda x: x == 3, lambda x: x])
def test_any_way_to_read_a_hidden_node_makes_it_a_parent(read: Callable[[Any], Any]) -> None:
    hidden = node(5)

    made: Any = bundle(lambda: read(hidden))()

    assert made.parents == (hidden,)


def test_hidden_node_that_is_not_read_is_no_parent() -> None:
    hidden = node(5)

    @bundle
    def ignore(condition: bool) -> Any:
        return hidden + 1 if condition else 0

    assert parents(ignore(False)) == set()


def test_hidden_node_in_a_returned_container_becomes_a_parent() -> None:
    hidden = node(5)

    made: Any = bundle(lambda: {"a": [hidden]})()

    assert made.value == {"a": [5]}
    assert made.parents == (hidden,)


def test_hidden_node_that_is_an_argument_too_is_one_parent() -> None:
    a = node(5)

    made: Any = bundle(lambda x: x + a)(a)

    assert made.parents == (a,)


def test_node_made_in_the_body_is_no_parent() -> None:
    made: Any = bundle(lambda: node(1) + 1)()

    assert (made.value, made.parents) == (2, ())


# nesting


@bundle
def inner(x: int) -> int:
    return x + 1


def test_nested_calls_are_the_inside_of_the_outer_node() -> None:
    @bundle
    def outer(x: int) -> int:
        return inner(inner(x))

    x = node(1)
    made: Any = outer(x)  # type: ignore[arg-type]

    assert made.value == 3
    assert made.parents == (x,)
    assert [n.operation.name for n in made.extra().inside] == ["inner", "inner"]


def test_node_hidden_in_a_nested_call_is_a_parent_of_the_outer_node() -> None:
    hidden = node(5)

    @bundle
    def deep() -> Any:
        return hidden + 1

    made: Any = bundle(lambda: deep() * 2)()

    assert (made.value, made.parents) == (12, (hidden,))


def test_operators_in_the_body_are_inside() -> None:
    hidden = node(5)

    made: Any = bundle(lambda: hidden + 1)()

    assert [n.operation.name for n in made.extra().inside] == ["add"]


def test_reading_inside_a_bundle_is_no_escape() -> None:
    hidden = node(5)

    @trace
    def workflow() -> Any:
        return bundle(lambda: int(hidden))()

    run: Trace = workflow()

    assert run.escapes == []
    assert hidden in set(run.nodes)


# failures


def fail_bare(x: int) -> int:
    raise ValueError


def fail_assert(x: int) -> int:
    assert x == 0
    return x


def fail_odd_args(x: int) -> int:
    raise KeyError(x, "second")


def fail_division(x: int) -> float:
    return 1 / (x - x)


@pytest.mark.parametrize("function", [fail_bare, fail_assert, fail_odd_args, fail_division])
def test_exception_outside_a_trace_is_ordinary_python(function: Callable[[int], Any]) -> None:
    with pytest.raises(Exception) as plain:
        function(3)
    with pytest.raises(type(plain.value)) as bundled:
        bundle(function)(node(3))  # type: ignore[arg-type]

    assert bundled.value.args == plain.value.args


@pytest.mark.parametrize("function", [fail_bare, fail_assert, fail_odd_args, fail_division])
def test_exception_inside_a_trace_is_a_failed_node(function: Callable[[int], Any]) -> None:
    x = node(3)

    @trace
    def workflow() -> Any:
        return bundle(function)(x)  # type: ignore[arg-type]

    run: Trace = workflow()

    assert run.output.parents == (x,)
    assert run.output.error is run.error
    assert run.value is None
    assert run.output.operation is not None
    assert run.output.operation.name == function.__name__


def test_failed_node_has_the_hidden_inputs_that_were_read() -> None:
    hidden = node(0)

    @trace
    def workflow() -> Any:
        return bundle(lambda: 1 / hidden)()

    run: Trace = workflow()

    assert hidden in set(run.nodes)


def test_failure_in_a_nested_call_leads_to_the_parameters_of_the_outer_call() -> None:
    parameter = Parameter(0, name="p")

    @bundle
    def divide(x: int) -> float:
        return 1 / x

    @bundle
    def outer(x: int) -> float:
        return divide(x)

    @trace
    def workflow() -> Any:
        return outer(parameter)  # type: ignore[arg-type]

    run: Trace = workflow()

    assert [v.parameter for v in subgraph(run.output).parameters] == [parameter]


# code parameters


@bundle(trainable=True, sandbox=None)
def scale(x: float) -> float:
    """Scales."""
    return FACTOR * x


@pytest.fixture
def restored() -> Iterator[None]:
    start = detach(scale_code())
    yield
    scale_code().set(start)


def scale_code() -> Parameter:
    code: Any = scale
    assert isinstance(code.code, Parameter)
    return code.code


def trainable(function: Callable[..., Any], sandbox: Any = None) -> Any:
    """A trainable bundle, as what it is (to type checkers it is the function)."""
    return bundle(trainable=True, sandbox=sandbox)(function)


def test_source_is_a_code_parameter_without_decorators() -> None:
    code = scale_code()

    assert (code.kind, code.name) == ("code", "scale")
    assert detach(code) == 'def scale(x: float) -> float:\n    """Scales."""\n    return FACTOR * x\n'


def test_unchanged_source_runs_the_user_s_own_function() -> None:
    seen = []

    def own(x: int) -> int:
        seen.append(x)  # a closure, which no other process could reach
        return x

    f = trainable(own, sandbox="default")

    assert f(1).value == 1
    assert seen == [1]


def test_unchanged_source_sees_variables_as_they_are_at_the_call() -> None:
    k = 1

    def own(x: int) -> int:
        return x + k

    f = trainable(own)
    k = 100

    assert f(1).value == 101


def test_call_of_trainable_code_has_the_code_as_a_parent() -> None:
    x = node(2.0)
    made: Any = scale(x)  # type: ignore[arg-type]

    assert made.value == 6.0
    assert [v.parameter for v in subgraph(made).parameters] == [scale_code()]
    assert x in set(made.parents)


@pytest.mark.usefixtures("restored")
def test_replaced_source_runs_in_process_with_the_globals_around_it() -> None:
    scale_code().set("def scale(x):\n    return FACTOR * x + 1\n")

    assert detach(scale(2.0)) == 7.0


def test_replaced_source_may_bring_helpers_and_imports() -> None:
    f = trainable(lambda_free)
    f.code.set("import math\n\ndef helper(x):\n    return math.floor(x)\n\ndef lambda_free(x):\n    return helper(x)\n")

    assert f(2.5).value == 2


def lambda_free(x: float) -> float:
    return x


def test_bound_source_holds_inside_only() -> None:
    f = trainable(lambda_free)

    with bound({f.code: "def lambda_free(x):\n    return -x\n"}):
        assert f(1).value == -1
    assert f(1).value == 1


def test_in_process_traceback_shows_the_line_of_the_replacement() -> None:
    f = trainable(lambda_free)
    f.code.set("def lambda_free(x):\n    y = 0\n    return x / y\n")

    with pytest.raises(ZeroDivisionError) as raised:
        f(1)

    last = raised.traceback[-1]
    assert (last.path, last.lineno + 1) == ("<lambda_free>", 3)
    assert "return x / y" in str(last.statement)


@pytest.mark.parametrize(
    "source", ["import nosuchmodule\ndef lambda_free(x):\n    return x\n", "def lambda_free(x:\n", "other = 1\n"]
)
def test_replacement_that_cannot_be_defined_is_a_failed_node_of_its_code(source: str) -> None:
    f = trainable(lambda_free)
    f.code.set(source)
    x = node(1)

    @trace
    def workflow() -> Any:
        return f(x)

    run: Trace = workflow()

    assert isinstance(run.error, CodeError)
    assert [getattr(p, "parameter", p) for p in run.output.parents] == [x, f.code]


def test_call_of_trainable_code_is_no_escape() -> None:
    f = trainable(lambda_free)

    @trace
    def workflow() -> Any:
        return f(1)

    run: Trace = workflow()

    assert run.escapes == []


def test_empty_source_does_not_run_the_user_s_own_function() -> None:
    f = trainable(lambda_free)
    f.code.set("")

    @trace
    def workflow() -> Any:
        return f(1)

    run: Trace = workflow()

    assert isinstance(run.error, CodeError)


def test_top_level_statements_of_a_replacement_run_once() -> None:
    f = trainable(lambda_free)
    f.code.set("calls = []\n\ndef lambda_free(x):\n    calls.append(x)\n    return len(calls)\n")

    assert [f(1).value, f(1).value] == [1, 2]


@pytest.mark.parametrize(
    ("problem", "function"),
    [
        ("def", lambda x: x),
        ("source", len),
        ("source", eval("lambda x: x")),
    ],
)
def test_trainable_without_a_readable_def_is_refused(problem: str, function: Callable[..., Any]) -> None:
    with pytest.raises((UsageError, AttributeError), match=problem):
        trainable(function)


def test_trainable_async_def_is_refused() -> None:
    async def later() -> None: ...

    with pytest.raises(UsageError, match="async def"):
        trainable(later)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[LocalSandbox]:
    with LocalSandbox() as opened:
        yield opened


def test_replaced_source_runs_in_the_sandbox(sandbox: LocalSandbox) -> None:
    f = trainable(lambda_free, sandbox)
    f.code.set("import os\n\ndef lambda_free(x):\n    return [os.getpid(), x]\n")

    process, x = f(node((1, 2))).value

    assert process != __import__("os").getpid()
    assert x == (1, 2)


def test_sandboxed_source_gets_the_constants_and_modules_around_it(sandbox: LocalSandbox) -> None:
    def area(r: float) -> float:
        return FACTOR * math.floor(r)

    f = trainable(area, sandbox)
    f.code.set("def area(r):\n    return FACTOR + math.floor(r)\n")

    assert f(2.5).value == FACTOR + 2


def test_sandboxed_failure_marks_the_line_of_the_replacement(sandbox: LocalSandbox) -> None:
    def area(r: float) -> float:
        return FACTOR * math.floor(r)

    f = trainable(area, sandbox)
    f.code.set("def area(r):\n    y = 0\n    return r / y\n")

    with pytest.raises(CodeError) as raised:
        f(1)

    assert str(raised.value).splitlines() == [
        "ZeroDivisionError: division by zero",
        "def area(r):",
        "    y = 0",
        "    return r / y   # <-- ZeroDivisionError: division by zero",
    ]


@pytest.mark.parametrize(
    "body",
    ["import nosuchmodule", "raise SystemExit(3)", "import os; os._exit(3)", "def lambda_free(: pass", "raise"],
)
def test_whatever_replaced_code_does_in_the_sandbox_is_a_failed_node_of_its_code(
    sandbox: LocalSandbox, body: str
) -> None:
    f = trainable(lambda_free, sandbox)
    f.code.set(f"{body}\n\ndef lambda_free(x):\n    return x\n")

    @trace
    def workflow() -> Any:
        return f(1)

    run: Trace = workflow()

    assert isinstance(run.error, CodeError)
    assert [v.parameter for v in subgraph(run.output).parameters] == [f.code]


def test_sandbox_of_the_run_goes_before_the_bundle_s_own(sandbox: LocalSandbox) -> None:
    closed = LocalSandbox()
    closed.close()
    f = trainable(lambda_free, closed)

    with bound({f.code: "def lambda_free(x):\n    return -x\n"}, sandbox=sandbox):
        assert f(1).value == -1


def test_node_argument_of_sandboxed_code_is_a_parent(sandbox: LocalSandbox) -> None:
    f = trainable(lambda_free, sandbox)
    f.code.set("def lambda_free(x):\n    return x['a'] + 1\n")
    x = node(1)

    made = f({"a": x})

    assert made.value == 2
    assert x in set(made.parents)


# copies, pickles and other decorators


@bundle
def doubled(x: int) -> int:
    """Doubles."""
    return 2 * x


@bundle(trainable=True, sandbox=None)
def replaceable(x: int) -> int:
    return x


@trace
def traced(x: int) -> Any:
    return doubled(x)


class Holder:
    @bundle
    def method(self, x: int, *, y: int = 2) -> int:
        """Adds."""
        return x + y


@pytest.mark.parametrize("function", [doubled, replaceable, traced, vars(Holder)["method"]], ids=repr)
def test_decorated_function_is_pickled_by_its_name(function: Any) -> None:
    assert pickle.loads(pickle.dumps(function)) is function
    assert copy.copy(function) is function


def test_local_bundle_is_pickled_as_little_as_a_local_function() -> None:
    @bundle
    def local(x: int) -> int:
        return x

    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(local)


def test_deep_copy_of_a_bundle_is_itself_but_for_code() -> None:
    assert copy.deepcopy(doubled) is doubled
    assert copy.deepcopy(replaceable) is not replaceable


def test_copy_of_a_trainable_bundle_has_code_of_its_own_and_is_pickled_with_it() -> None:
    copied: Any = copy.deepcopy(replaceable)
    copied.code.set("def replaceable(x):\n    return 10 * x\n")

    again = pickle.loads(pickle.dumps(copied))

    assert [detach(f(2)) for f in (copied, again, replaceable)] == [20, 20, 2]


def test_bound_bundle_is_pickled_with_its_instance() -> None:
    again = pickle.loads(pickle.dumps(Holder().method))

    assert detach(again(1)) == 3


def test_signature_is_the_original_s_without_self_on_an_instance() -> None:
    method: Any = Holder().method

    assert str(inspect.signature(doubled)) == "(x: 'int') -> 'int'"
    assert str(inspect.signature(Holder.method)) == "(self, x: 'int', *, y: 'int' = 2) -> 'int'"
    assert str(inspect.signature(method)) == "(x: 'int', *, y: 'int' = 2) -> 'int'"
    assert (method.__name__, method.__doc__, method.__module__) == ("method", "Adds.", __name__)


@pytest.mark.parametrize("again", [bundle, bundle(trainable=True)])
@pytest.mark.parametrize("function", [doubled, traced, Holder().method], ids=repr)
def test_what_is_decorated_already_is_refused(again: Any, function: Any) -> None:
    with pytest.raises(UsageError, match="already"):
        again(function)


def waiting(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return function(*args)

    return wrapper


def test_bundle_over_another_decorator_calls_it() -> None:
    calls = []

    @bundle
    @waiting
    def add(x: int) -> int:
        calls.append(x)
        return x + 1

    assert (detach(add(1)), calls, add.__name__) == (2, [1], "add")


def test_other_decorator_over_a_bundle_gives_its_node() -> None:
    made = functools.lru_cache(waiting(doubled))(3)

    assert isinstance(made, Node)
    assert made.operation is not None
    assert made.operation.name == "doubled"


def test_trainable_bundle_over_another_decorator_is_refused() -> None:
    with pytest.raises(UsageError, match="another decorator"):
        bundle(trainable=True)(waiting(lambda_free))


def test_trace_over_an_async_bundle_is_awaited() -> None:
    @trace
    @bundle
    async def later(x: int) -> int:
        return x + 1

    assert asyncio.run(later(1)).value == 2


def test_sources_used_in_turn_are_compiled_once_each() -> None:
    f = trainable(lambda_free)
    sources = [f"calls = []\n\ndef lambda_free(x):\n    calls.append(x)\n    return {k}, len(calls)\n" for k in (1, 2)]
    results = []
    for source in sources * 2:
        f.code.set(source)
        results.append(detach(f(0)))

    assert results == [(1, 1), (2, 1), (1, 2), (2, 2)]


def test_plain_decorator_over_async_def_below_a_bundle_is_refused() -> None:
    @waiting
    async def later(x: int) -> int:
        return x

    with pytest.raises(UsageError, match="coroutine"):
        bundle(later)(1)
