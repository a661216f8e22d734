"""The prompt files: whole, used, and their worked examples true."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from agentopt.errors import FormatError
from agentopt.feedback import Feedback
from agentopt.graph.render import render
from agentopt.graph.subgraph import propagate
from agentopt.graph.trainable import Parameter
from agentopt.prompts import load_prompt, prompt_names, read_prompt

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("name", prompt_names())
def test_prompt_is_named_like_its_file_and_used_in_the_code(name: str) -> None:
    assert load_prompt(name).name == name
    code = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "agentopt").rglob("*.py"))
    assert f'load_prompt("{name}")' in code


@pytest.mark.parametrize("name", prompt_names())
def test_prompt_says_what_it_is_for(name: str) -> None:
    assert load_prompt(name).note


def example() -> tuple[str, dict[str, float]]:
    """The worked example of `optoprime.md`: what is shown, and the changes of its reply."""
    shown, _, reply = load_prompt("optoprime").sections["system"].partition("Example:\n")[2].rpartition("\n\n{")
    changes: dict[str, float] = json.loads("{" + reply)["changes"]
    return shown.strip(), changes


def worked(a: Parameter, b: Parameter) -> object:
    return abs(a + b - 10)


def test_example_of_optoprime_is_what_rendering_gives() -> None:
    a, b = Parameter(5.0, name="a", bounds=(0, 10)), Parameter(1.0, name="b")
    output = worked(a, b)
    evidence = propagate(output, Feedback(-4.0, "It should be 0."))  # type: ignore[arg-type]  # a node
    assert render([evidence]) == example()[0]


def test_answer_of_the_example_solves_it() -> None:
    changes = example()[1]
    a, b = Parameter(changes.get("a", 5.0), name="a"), Parameter(changes.get("b", 1.0), name="b")
    assert getattr(worked(a, b), "value") == 0  # noqa: B009  worked returns a node


def test_no_sentence_to_a_model_stands_in_the_code() -> None:
    address = re.compile(r"""["'](You are|Your task|Reply with|Given the|Please )""")
    found = [
        f"{path}:{number}"
        for path in sorted((ROOT / "agentopt").rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if address.search(line)
    ]
    assert found == []


def test_a_placeholder_that_is_not_declared_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "wrong.md"
    path.write_text('+++\nname = "wrong"\nversion = 1\nplaceholders = []\n+++\nHello {{who}}\n')
    with pytest.raises(FormatError, match=r"wrong\.md.*`placeholders` says \[\], the text has \['who'\]"):
        read_prompt(path)
