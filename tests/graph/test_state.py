"""The values of parameters, written and read: equal, whole, or not at all."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentopt.errors import FormatError, UsageError
from agentopt.graph.bundling import bundle
from agentopt.graph.module import Module, module
from agentopt.graph.node import detach
from agentopt.graph.state import load, load_state_dict, save, state_dict
from agentopt.graph.tracing import trace
from agentopt.graph.trainable import Parameter

SHARED = Parameter(1, name="shared")
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=8,
)


class Part(Module):
    def __init__(self) -> None:
        self.limit = Parameter(3, name="limit", bounds=(0, 10))


class Agent(Module):
    def __init__(self) -> None:
        self.prompt = Parameter("start", name="prompt")
        self.parts = {"a": [Part()]}

    @bundle(trainable=True)
    def solve(self, x: int) -> int:
        return x


def test_state_holds_a_version_and_values_by_dotted_name() -> None:
    state = Agent().state_dict()

    assert (list(state), state["agentopt_state"]) == (["agentopt_state", "values"], 1)
    assert list(state["values"]) == ["solve", "prompt", "parts['a'][0].limit"]


def test_module_without_parameters_has_an_empty_state() -> None:
    assert state_dict(Module()) == {"agentopt_state": 1, "values": {}}
    load_state_dict(Module(), state_dict(Module()))


@given(value=PLAIN)
@settings(derandomize=True, deadline=None, max_examples=50)
def test_json_value_reads_back_equal(value: Any) -> None:
    held = {"p": Parameter(0, name="p", kind="json")}
    held["p"].set([value])
    state = json.loads(json.dumps(state_dict(held)))

    held["p"].set([])
    load_state_dict(held, state)

    assert detach(held["p"]) == [value]
    assert repr(detach(held["p"])) == repr([value])


def test_nan_reads_back() -> None:
    held = [Parameter([math.nan], name="p")]

    load_state_dict(held, state_dict(held))

    assert math.isnan(detach(held[0])[0])


def test_value_of_a_class_of_its_own_is_refused_by_its_parameter_s_name() -> None:
    held = [Parameter([object()], name="p")]

    with pytest.raises(UsageError, match=r"`\[0\]`"):
        state_dict(held)


def test_workflow_s_parameters_go_by_their_own_names() -> None:
    @trace
    def workflow() -> Any:
        return SHARED + 1

    assert state_dict(workflow)["values"] == {"shared": 1}


@pytest.mark.parametrize("holder", [3, object(), Agent, None])
def test_holder_that_is_not_looked_into_is_refused(holder: object) -> None:
    with pytest.raises(UsageError, match=r"agentopt\.module"):
        state_dict(holder)


def test_missing_unexpected_and_forbidden_are_all_named_and_nothing_is_changed() -> None:
    agent = Agent()
    state = {
        "agentopt_state": 1,
        "values": {"solve": "def solve(self, x): return 1\n", "parts['a'][0].limit": 99, "é": 1},
    }

    with pytest.raises(UsageError, match="nothing was changed") as raised:
        agent.load_state_dict(state)

    assert all(part in str(raised.value) for part in ("missing: prompt", "unexpected: é", "from 0 to 10"))
    assert agent.state_dict() == Agent().state_dict()


def test_code_that_the_function_cannot_take_is_refused() -> None:
    agent = Agent()
    state = agent.state_dict()
    state["values"]["solve"] = "def solve(self): return 1\n"

    with pytest.raises(UsageError, match="fixed"):
        agent.load_state_dict(state)


@pytest.mark.parametrize(
    "data", [{}, [], None, {"agentopt_state": 2, "values": {}}, {"agentopt_state": 1, "values": []}]
)
def test_data_that_is_no_state_is_refused(data: Any) -> None:
    with pytest.raises(FormatError):
        load_state_dict(Module(), data)


@pytest.mark.parametrize("value", [{"$tuple": 3}, {"$bytes": 1}, {"$float": "x"}])
def test_value_that_cannot_be_read_is_refused_by_its_parameter_s_name(value: Any) -> None:
    with pytest.raises(UsageError, match=r"`\[0\]`"):
        load_state_dict([Parameter([1], name="p")], {"agentopt_state": 1, "values": {"[0]": value}})


def test_evidence_stays_when_values_are_loaded() -> None:
    agent = Agent()
    (agent.prompt + "x").backward("f")

    agent.load_state_dict(agent.state_dict())

    assert len(agent.prompt.evidence) == 1


# files


def test_saved_module_is_loaded_into_another_instance(tmp_path: Path) -> None:
    agent = Agent()
    agent.prompt.set("trained \ud800 é")
    agent.save(tmp_path / "state.json")

    other = Agent()
    other.load(tmp_path / "state.json")

    assert other.state_dict() == agent.state_dict()
    assert [p.name for p in tmp_path.iterdir()] == ["state.json"]


def test_failed_save_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    save([SHARED], tmp_path / "state.json")
    before = (tmp_path / "state.json").read_bytes()

    with pytest.raises(UsageError):
        save([Parameter([object()], name="p")], tmp_path / "state.json")

    assert (tmp_path / "state.json").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"agentopt_state": 1}'])
def test_file_that_is_no_state_is_refused_by_its_name(text: str, tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text(text)

    with pytest.raises(FormatError, match=r"state\.json"):
        load([SHARED], tmp_path / "state.json")


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="nosuch"):
        load([SHARED], tmp_path / "nosuch.json")


# methods


def test_decorated_class_gets_the_methods_it_does_not_have() -> None:
    @module
    class Own:
        load: int

        def save(self) -> str:
            return "own"

    made: Any = Own()

    assert made.parameters() == {}
    assert made.save() == "own"
    assert not hasattr(made, "load")
