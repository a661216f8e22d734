"""Pictures: well-formed, safe, the same everywhere, and complete as far as they say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentopt.graph.bundling import bundle
from agentopt.graph.drawing import to_svg
from agentopt.graph.export import GraphRecord, NodeRecord, graph_json, graph_record, read_graph
from agentopt.graph.node import Node, node
from agentopt.graph.tracing import trace
from agentopt.graph.trainable import Parameter

SETTINGS = settings(derandomize=True, deadline=None, max_examples=80)
ROOT = Path(__file__).parents[2]
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = [
    "</title><script>alert(1)</script>",
    '" onload="alert(1)',
    "</style><style>*{display:none}",
    "]]><!ENTITY x 'y'>",
    "&amp;&lt;&#0;",
    "\x00\x08\x1b[31m\ud800\uffff",
    "<!-- -->",
]


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg.encode("utf-8"))


def boxes(svg: str) -> dict[str, ET.Element]:
    """The group of each box by the first words of its tooltip."""
    groups = parsed(svg).findall(f"{SVG}g")
    return {re.split(r" |\n", group.findtext(f"{SVG}title") or "")[0]: group for group in groups}


def chain(count: int) -> Node:
    x: Node = node(0, name="x")
    for _ in range(count - 1):
        x = x + 1
    return x


def test_every_node_is_a_box_of_its_kind() -> None:
    run = trace(lambda: (Parameter(2, name="p") * node(3, name="x")) / 0)()

    drawn = {name: group.get("class") for name, group in boxes(to_svg(run.output)).items()}

    assert drawn == {"p": "parameter", "x": "input", "mul1": "operation", "truediv1": "failure output"}


def test_every_edge_has_an_arrow_head() -> None:
    x = node(3, name="x")

    paths = parsed(to_svg((x + 1) - (x * 2))).findall(f"{SVG}path")

    assert [path.get("class") for path in paths].count("edge") == 4
    assert [path.get("class") for path in paths].count("head") == 3, "two arrows end at the last node's one"


def test_tooltip_has_expression_kind_and_value() -> None:
    title = boxes(to_svg(node("a" * 200, name="x").upper()))["upper1"].findtext(f"{SVG}title")

    assert title == f"upper1 = x.upper() (operation)\n'{'A' * 200}'"


def test_long_values_are_cut_in_boxes() -> None:
    texts = [text.text or "" for text in parsed(to_svg(node("a" * 200, name="x"))).iter(f"{SVG}text")]

    assert max(map(len, texts)) < 30


def test_wide_characters_are_counted_as_two() -> None:
    texts = [text.text or "" for text in parsed(to_svg(node("漢" * 200, name="x"))).iter(f"{SVG}text")]

    assert max(map(len, texts)) < 16


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_values_never_become_markup(value: str) -> None:
    record = GraphRecord(nodes=(NodeRecord(name=value, kind="input", text=value, value=value),), output=value)

    tags = [element.tag.removeprefix(SVG) for element in parsed(to_svg(record)).iter()]

    assert tags == ["svg", "style", "rect", "g", "title", "rect", "text", "text"]


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_values_never_become_attributes(value: str) -> None:
    record = GraphRecord(nodes=(NodeRecord(name=value, kind="input", text=value, value=value),), output=value)

    names = {name for element in parsed(to_svg(record)).iter() for name in element.attrib}

    assert names == {"class", "width", "height", "viewBox", "role", "aria-label", "x", "y", "rx"}


@given(value=st.text(max_size=50), name=st.text(max_size=20))
@SETTINGS
def test_any_text_gives_a_well_formed_picture(value: str, name: str) -> None:
    record = GraphRecord(nodes=(NodeRecord(name=name, kind="failure", text=value, value=value),), output=name)

    assert parsed(to_svg(record)).tag == f"{SVG}svg"


def test_nothing_is_loaded_and_nothing_runs() -> None:
    svg = to_svg(chain(5))

    assert not re.search(r"script|href|url\(|@import|\son\w+=", svg)


@pytest.mark.parametrize("count", [1, 40, 100])
def test_a_graph_within_the_limit_is_drawn_whole(count: int) -> None:
    assert len(boxes(to_svg(chain(count)))) == count


def test_a_large_graph_is_folded_and_the_picture_says_so() -> None:
    svg = to_svg(chain(10_000))

    assert len(boxes(svg)) == 100
    assert "10,000 nodes: 9,901 are folded (dashed)" in svg


def test_a_picture_of_a_large_graph_is_small() -> None:
    assert len(to_svg(chain(10_000))) < 60_000


def test_nodes_that_a_record_left_out_are_counted() -> None:
    svg = to_svg(graph_record(chain(50), max_nodes=20))

    assert "50 nodes: 30 earlier ones are not shown" in svg


def test_a_picture_from_a_record_is_that_of_the_graph() -> None:
    made = chain(30) * Parameter(2.0, name="p")

    assert to_svg(read_graph(graph_json(made))) == to_svg(made)


def test_a_folded_picture_from_a_record_is_that_of_the_graph() -> None:
    made = chain(500)

    assert to_svg(graph_record(made)) == to_svg(made)


def test_a_graph_with_a_cycle_is_drawn_with_a_dashed_edge() -> None:
    a = NodeRecord(name="a", kind="operation", parents=("b", "a"))
    b = NodeRecord(name="b", kind="operation", parents=("a",))

    paths = parsed(to_svg(GraphRecord(nodes=(a, b), output="b"))).findall(f"{SVG}path")

    assert [path.get("class") for path in paths].count("edge back") == 2


def test_a_graph_of_nothing_is_a_picture() -> None:
    assert parsed(to_svg(GraphRecord(nodes=(), output=""))).tag == f"{SVG}svg"


def test_everything_lies_inside_the_picture() -> None:
    grade: Any = bundle(lambda *answers: len(answers))
    root = parsed(to_svg(grade(*(node(i) + 1 for i in range(15)))))
    width, height = float(root.get("width", 0)), float(root.get("height", 0))

    for rect in root.iter(f"{SVG}rect"):
        x, y = float(rect.get("x", 0)), float(rect.get("y", 0))
        assert x >= 0
        assert y >= 0
        assert x + float(rect.get("width", 0)) <= width
        assert y + float(rect.get("height", 0)) <= height


def test_the_style_knows_light_and_dark() -> None:
    assert "@media(prefers-color-scheme:dark)" in to_svg(node(1))


def test_the_style_reaches_nothing_but_the_picture() -> None:
    style = parsed(to_svg(node(1))).findtext(f"{SVG}style") or ""
    selectors = re.findall(r"^([^@{}\n][^{]*)\{", style, flags=re.MULTILINE)

    assert all(one.startswith(".agentopt") for selector in selectors for one in selector.split(","))


PROGRAM = """
from agentopt.graph.bundling import bundle
from agentopt.graph.drawing import to_svg
from agentopt.graph.diagrams import to_dot, to_mermaid
from agentopt.graph.node import node
from agentopt.graph.trainable import Parameter

@bundle
def ask(p, question, tags):
    return {"set": {"lorem", "ipsum", "dolor"}, "thing": object()}

p = Parameter("Be brief.", name="instruction")
total = node(0)
for i in range(40):
    total = total + ask(p, node(i), {"a", "b", "c"})["set"].issubset({"lorem"})
print(to_svg(total), to_dot(total), to_mermaid(total))
"""


def test_same_program_gives_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(PROGRAM, encoding="utf-8")
    started = [
        subprocess.Popen(
            [sys.executable, str(script)],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
            stdout=subprocess.PIPE,
        )
        for seed in ("1", "2", "3")
    ]

    drawn = [process.communicate(timeout=60)[0] for process in started]

    assert b"folded" in drawn[0]
    assert drawn == [drawn[0]] * 3


# notebooks


def test_notebooks_show_a_node_as_picture_and_text() -> None:
    made = node(1, name="x") + 1

    assert made._repr_mimebundle_() == {"image/svg+xml": to_svg(made), "text/plain": repr(made)}


def test_notebooks_show_a_parameter_as_a_picture_of_one_box() -> None:
    assert list(boxes(Parameter(1, name="p")._repr_mimebundle_()["image/svg+xml"])) == ["p"]


def test_notebooks_show_a_trace_as_picture_and_text() -> None:
    run = trace(lambda: node(1, name="x") + 1)()

    assert run._repr_mimebundle_() == {"image/svg+xml": to_svg(run.output), "text/plain": repr(run)}


def test_showing_a_node_is_no_escape() -> None:
    def workflow() -> Any:
        x = node([1, 2], name="x")
        x._repr_mimebundle_()
        return x

    assert trace(workflow)().escapes == []
