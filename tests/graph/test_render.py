"""Renderings: golden texts written by hand, the same in every process, within their budget, and honest."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentopt.feedback import Feedback
from agentopt.graph.bundling import bundle
from agentopt.graph.node import Node, node
from agentopt.graph.render import Names, RenderOptions, call_text, feedback_text, parameter_text, render
from agentopt.graph.showing import estimate_tokens
from agentopt.graph.subgraph import propagate
from agentopt.graph.tracing import trace
from agentopt.graph.trainable import Parameter

SETTINGS = settings(derandomize=True, deadline=None, max_examples=40)
ROOT = Path(__file__).parents[2]


def rendered(output: Any, feedback: Any = "f", **options: Any) -> str:
    return render([propagate(output, feedback)], RenderOptions(**options))


# golden texts

NUMERICAL = """\
# Parameters
speed (number, from 0 to 100, in steps of 0.5) - km/h = 60.0
mode (choice, one of 'eco', 'sport') = 'eco'

# Functions
drag(v, factor): Force at speed v.

## Inputs
hours = 2.5  # from the timetable
## Code, with values
mul1 = speed * hours  # 150.0
eq1 = mode == 'eco'  # True
drag1 = drag(speed, factor=eq1)  # 3600.0
sub1 = mul1 - drag1  # -3450.0
truediv1 = sub1 / 7  # -492.8571
neg1 = -truediv1  # 492.8571
## Feedback on neg1
score = 0.333333
fuel = -2
Too fast.
hint: slow down"""


def test_numerical_example_renders_to_the_golden_text() -> None:
    @bundle
    def drag(v: float, factor: bool) -> float:
        """Force
        at speed v."""
        return v * v * factor

    speed: Any = Parameter(60.0, name="speed", bounds=(0, 100), step=0.5, doc="km/h")
    mode: Any = Parameter("eco", name="mode", choices=["eco", "sport"])
    hours = node(2.5, name="hours").describe("from the timetable")
    distance = speed * hours
    force: Any = drag(speed, factor=mode == "eco")
    output = -((distance - force) / 7)

    text = rendered(output, Feedback(1 / 3, "Too fast.", {"fuel": -2.0}, {"hint": "slow down"}))

    assert text == NUMERICAL


MINIBATCH = """\
# Parameters
instruction (prompt):
```
Answer.
Briefly.
```

# Functions
ask(instruction, question): Asks.

# Run 1 (one)
## Inputs
question = 'Why?'
## Code, with values
ask1 = ask(instruction, question)  # 'Why? 1'
upper1 = ask1.upper()  # 'WHY? 1'
## Feedback on upper1
score = 1

# Run 2 (two)
## Inputs
question =
    Who
    is it?
## Values
ask1 =
    Who
    is it? 1
upper1 =
    WHO
    IS IT? 1
## Feedback on upper1
score = 0
Too long.

# Run 3
## Inputs
question = ''
## Code, with values
add1 = instruction + question
## Values
add1 =
    Answer.
    Briefly.
## Feedback on add1
(none)"""


def test_minibatch_renders_to_the_golden_text() -> None:
    @bundle
    def ask(instruction: str, question: str) -> str:
        """Asks."""
        return f"{question} {len(instruction) - 14}"

    instruction: Any = Parameter("Answer.\nBriefly.", name="instruction")
    assert len(instruction) == 16
    instruction.set("Answer.\nBriefly")
    first: Any = ask(instruction, node("Why?", name="question"))  # type: ignore[arg-type]
    second: Any = ask(instruction, node("Who\nis it?", name="question"))  # type: ignore[arg-type]
    instruction.set("Answer.\nBriefly.")
    third = instruction + node("", name="question")
    evidence = [
        propagate(first.upper(), 1, instance="one"),
        propagate(second.upper(), (0, "Too long."), instance="two"),
        propagate(third, Feedback()),
    ]

    text = render(evidence)

    # A value of several lines starts on its own line; whether blanks end the line before is no matter.
    assert [line.rstrip() for line in text.splitlines()] == MINIBATCH.splitlines()


FAILED = """\
# Parameters
x (integer) = 0

## Code, with values
truediv1 = 1 / x
## Values
truediv1 = failed: ZeroDivisionError: division by zero
## Feedback on truediv1
score = -inf
ZeroDivisionError: division by zero"""


def test_failure_renders_to_the_golden_text() -> None:
    x = Parameter(0, name="x")
    run = trace(lambda: 1 / x)()

    assert rendered(run.output, run.error) == FAILED


def test_output_without_parameters_renders() -> None:
    assert rendered(node(1, name="x") + 1) == "## Code, with values\nadd1 = x + 1  # 2\n## Feedback on add1\nf"


def test_parameter_as_output_renders() -> None:
    assert rendered(Parameter(1, name="p")) == "# Parameters\np (integer) = 1\n\n## Feedback on p\nf"


# names and calls


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda a, b: a + b, "a + b"),
        (lambda a, b: 3 - a, "3 - a"),
        (lambda a, b: a < 3, "a < 3"),
        (lambda a, b: -a, "-a"),
        (lambda a, b: abs(a), "abs(a)"),
        (lambda a, b: divmod(7, a), "divmod(7, a)"),
        (lambda a, b: divmod(a, 7), "divmod(a, 7)"),
        (lambda a, b: a**-1, "a ** (-1)"),
        (lambda a, b: a.bit_length(), "a.bit_length()"),
        (lambda a, b: a.to_bytes(2, byteorder="big"), "a.to_bytes(2, byteorder='big')"),
        (lambda a, b: a.real, "a.real"),
        (lambda a, b: bundle(len)([a, {"k": b}, (1, a)]), "len([a, {'k': b}, (1, a)])"),
        (lambda a, b: bundle(dict)(x=a, y=[1]), "dict(x=a, y=[1])"),
        (lambda a, b: node("{}", name="c").format(a), "c.format(a)"),
        (lambda a, b: node("x", name="c") + "{0}", "c + '{0}'"),
    ],
)
def test_call_is_written_as_in_the_program(make: Callable[[Any, Any], Any], text: str) -> None:
    assert call_text(make(node(1, name="a"), node(2, name="b")), Names()) == text


def test_round_shows_its_digits() -> None:
    assert call_text(round(node(1.25, name="a"), 1), Names()) == "round(a, 1)"


def test_negative_base_of_a_power_is_in_parentheses() -> None:
    exponent: Any = node(2, name="a")

    made: Any = (-2) ** exponent

    assert call_text(made, Names()) == "(-2) ** a"


@dataclass(frozen=True)
class Order:
    item: Any


@pytest.mark.parametrize("wrap", [lambda a: {a}, lambda a: Order(a)], ids=["set", "dataclass"])
def test_node_in_a_set_or_dataclass_argument_is_shown_by_its_name(wrap: Callable[[Any], Any]) -> None:
    made: Any = bundle(lambda x: 0)(wrap(node(1, name="a")))

    text = call_text(made, Names())

    assert "Node(" not in text
    assert "a" in text


def test_names_are_unique() -> None:
    a, also_a, add1 = node(1, name="a"), node(2, name="a"), node(3, name="add1")
    names = Names()

    given_names = [names.name(n) for n in (a, also_a, add1, a + 1, a + 2, node(0), a)]

    assert given_names == ["a", "a1", "add1", "add2", "add3", "input1", "a"]


@given(st.lists(st.sampled_from(["a", "a1", "a11", "add", "add1", "b c", "b_c", None]), max_size=12))
@SETTINGS
def test_names_never_collide(given_names: list[str | None]) -> None:
    names = Names()
    nodes = [Node(0, name=name) for name in given_names] + [node(0) + 1 for _ in given_names]

    assert len({names.name(n) for n in nodes}) == len(nodes)


def test_names_start_anew_in_every_rendering() -> None:
    def text() -> str:
        return rendered((Parameter(1, name="p") + 1) * 2)

    assert text() == text()


# parameters


@pytest.mark.parametrize("value", ["x" * 50_000, "a\n" * 20_000, "  indented", "trailing  "], ids=len)
def test_prompt_is_shown_in_full(value: str) -> None:
    text = rendered(Parameter(value, name="p") + "!", max_tokens=10)

    assert f"```\n{value}\n```" in text


@pytest.mark.parametrize(
    "value", [list(range(2000)), [[[[[[[[[["deep"]]]]]]]]]], ["x" * 150_000]], ids=["long", "deep", "text"]
)
def test_json_parameter_is_shown_in_full(value: Any) -> None:
    text = parameter_text(Parameter(value, name="p")._leaf(), "p")

    assert text == f"p (json) = {value!r}"


def test_fence_is_longer_than_any_in_the_prompt() -> None:
    text = parameter_text(Parameter("use ```` here", name="p")._leaf(), "p")

    assert text == "p (prompt):\n`````\nuse ```` here\n`````"


def test_half_open_bounds_are_shown() -> None:
    texts = [parameter_text(Parameter(1.0, name="p", bounds=b)._leaf(), "p") for b in ((None, 3), (0, None))]

    assert texts == ["p (number, from -inf to 3) = 1.0", "p (number, from 0 to inf) = 1.0"]


def test_shared_parameter_is_shown_once() -> None:
    parameter = Parameter("text", name="p")

    assert rendered(parameter + parameter).count("p (prompt)") == 1


def test_parameter_of_many_runs_is_shown_once() -> None:
    parameter = Parameter(1, name="p")

    text = render([propagate(parameter + i, "f") for i in range(5)])

    assert text.count("p (integer)") == 1


# values


def test_mutable_value_changed_afterwards_is_not_shown_as_if_it_had_been_so() -> None:
    parameter, x = Parameter([0], name="p"), node([1], name="x")
    y = parameter + x

    x._value.append(99)
    text = rendered(y)

    assert "x = [1, 99]\n" not in text


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1 / 3, "0.3333333"), (123456789.123, "1.234568e+08"), (0.5, "0.5"), (1e-30, "1e-30"), (float("nan"), "nan")],
)
def test_long_float_is_shown_to_seven_digits(value: float, shown: str) -> None:
    made: Any = bundle(lambda x: value)(Parameter(1, name="p"))

    assert f"  # {shown}\n" in rendered(made)


def test_long_value_keeps_head_and_tail_and_says_what_is_missing() -> None:
    made: Any = bundle(lambda x: "a" * 500 + "z" * 500)(Parameter(1, name="p"))

    text = rendered(made, value_chars=100)

    assert "aaa …(" in text
    assert " characters left out)… zzz" in text
    assert len(text) < 500


def test_source_is_shown_when_asked_for() -> None:
    @bundle
    def ask(x: int) -> int:
        """Asks."""
        return x + 12345

    made = ask(Parameter(1, name="p"))  # type: ignore[arg-type]

    assert "return x + 12345" in rendered(made, show_source=True)
    assert "return x + 12345" not in rendered(made)


@pytest.mark.parametrize(
    ("feedback", "text"),
    [
        (Feedback(), "(none)"),
        (Feedback(0.0), "score = 0"),
        (Feedback(-0.123456789), "score = -0.123457"),
        (Feedback(None, "words\nmore"), "words\nmore"),
        (Feedback(1, "w", {"a": 2}, {"c": "d"}), "score = 1\na = 2\nw\nc: d"),
    ],
)
def test_feedback_in_words(feedback: Feedback, text: str) -> None:
    assert feedback_text(feedback) == text


# size


def chain(length: int) -> Node:
    x: Node = Parameter(0, name="p")
    for _ in range(length):
        x = x + 1
    return x


@pytest.mark.parametrize("length", [50, 1000, 100_000])
def test_folded_chain_says_how_many_steps_were_left_out_and_keeps_both_ends(length: int) -> None:
    text = rendered(chain(length), max_tokens=600)

    lines = text.split("## Code, with values\n")[1].split("\n## Feedback")[0].splitlines()
    if length == 50:
        assert lines[-1] == "add50 = add49 + 1  # 50"
    marked = [line for line in lines if "left out here" in line]
    if marked:
        left_out = int(marked[0].split("(")[1].split()[0])
        assert left_out + len(lines) - 1 == length
    else:
        assert len(lines) == length
    assert lines[0] == "add1 = p + 1  # 1"
    assert lines[-1] == f"add{length} = add{length - 1} + 1  # {length}"
    assert estimate_tokens(text) < 700


@given(length=st.integers(1, 60), runs=st.integers(1, 30), words=st.integers(0, 400), budget=st.integers(0, 3000))
@SETTINGS
def test_nothing_exceeds_the_budget_but_the_parameters(length: int, runs: int, words: int, budget: int) -> None:
    p = Parameter("start", name="p")
    x: Any = p
    for i in range(length):
        x = x + f" and {i} " * 20

    text = render([propagate(x, "word " * words)] * runs, RenderOptions(max_tokens=budget))

    in_full = estimate_tokens("# Parameters\n" + parameter_text(p._leaf()))
    assert estimate_tokens(text) <= max(budget, in_full + 20)


@given(budget=st.integers(0, 400), prompt=st.text(min_size=1, max_size=2000))
@SETTINGS
def test_every_parameter_with_feedback_is_in_full_however_small_the_budget(budget: int, prompt: str) -> None:
    p, q = Parameter(prompt, name="p"), Parameter([1, 2, 3] * 100, name="q")

    text = render([propagate(node([p, q]), "word " * 1000)], RenderOptions(max_tokens=budget))

    assert parameter_text(p._leaf()) in text
    assert parameter_text(q._leaf()) in text


def test_long_feedback_is_shortened_and_says_so() -> None:
    text = rendered(chain(100), "word " * 10_000, max_tokens=1000)

    assert "characters left out" in text.split("## Feedback")[1]
    assert estimate_tokens(text) <= 1000


def test_runs_that_do_not_fit_are_left_out_and_counted() -> None:
    x = chain(2)

    text = render([propagate(x, "f", instance=str(i)) for i in range(200)], RenderOptions(max_tokens=1000))

    left_out = int(text.split("more runs left out here")[0].rsplit("(", 1)[1])
    assert left_out + text.count("# Run ") == 200
    assert "# Run 200 (199)" in text


def test_what_is_left_out_is_counted_by_kind() -> None:
    x: Any = Parameter(0, name="p")
    for _ in range(500):
        x = (x + 1) * 1

    text = rendered(x, max_tokens=600)

    assert re.search(r"… \((\d+) more steps left out here: \d+ (add|mul), \d+ (add|mul)\)", text)


def test_inside_of_a_bundle_is_shown_on_demand() -> None:
    @bundle
    def outer(x: Any) -> Any:
        return node(x, name="inner") + 1

    made = outer(Parameter(1, name="p"))

    assert "\n    add1 = inner + 1  # 2" in rendered(made, open_bundles=True)
    assert "add1" not in rendered(made)


def test_description_of_an_operation_is_shown() -> None:
    made = (Parameter(1, name="p") + 1).describe("litres per day")

    assert "add1 = p + 1  # 2 - litres per day" in rendered(made)


# determinism

PROGRAM = """
import sys
from agentopt.graph.bundling import bundle
from agentopt.graph.node import node
from agentopt.graph.trainable import Parameter
from agentopt.graph.export import graph_json
from agentopt.graph.render import render
from agentopt.graph.subgraph import propagate

class Thing:
    pass

@bundle
def use(x, *rest, **named):
    'Uses.'
    return {"set": {"lorem", "ipsum", "dolor", "sit"}, "thing": Thing(), "function": len, "lambda": lambda: 0}

offset = int(sys.argv[1])
for _ in range(offset):
    node(0)  # the same program, at another step of a longer run
hidden = [node(w) for w in ("b", "a", "c")]
p, q = Parameter({"lorem", "ipsum", "dolor"}, name="p", kind="json"), Parameter("be brief", name="q")

@bundle
def read(x):
    return len([str(h) for h in hidden]) + len(x)

made = read(use(p, {"amet", "elit", "sed"}, key=frozenset({"x", "y", "z"})))
made = made + use(q, Thing())["set"].issubset({"lorem"}) + [n for n in {node(1): 0}][0]
evidence = propagate(made, "because")
print(render([evidence, evidence]))
print(graph_json(made))
"""


def test_same_program_renders_to_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(PROGRAM, encoding="utf-8")
    started = [
        subprocess.Popen(
            [sys.executable, str(script), offset],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
        )
        for seed, offset in (("1", "0"), ("2", "1000"), ("3", "7"))
    ]

    texts = [process.communicate(timeout=60)[0] for process in started]

    assert [process.returncode for process in started] == [0, 0, 0]
    assert b"because" in texts[0]
    assert texts[1] == texts[0]
    assert texts[2] == texts[0]


def test_parents_in_a_set_argument_are_in_order_of_creation() -> None:
    @bundle
    def use(members: set[Any]) -> Any:
        return 0

    for _ in range(50):
        nodes = [node(i) for i in range(8)]
        made = use(set(nodes))
        assert [n.serial for n in made.parents] == sorted(n.serial for n in nodes)
