"""Attributes of ordinary objects as parameters."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any

import pydantic
import pytest

import agentopt as ao
from agentopt.errors import UsageError
from agentopt.graph.scope import bound
from agentopt.graph.trainable import Parameter


class Agent:
    """Somebody's own class, without anything of agentopt."""

    style = "plain"

    def __init__(self, greeting: str = "hello") -> None:
        self.greeting = greeting
        self.punctuation = "!"

    def run(self, name: str) -> str:
        return f"{self.greeting}, {name}{self.punctuation}"

    @property
    def loud(self) -> str:
        return self.greeting.upper()


@dataclasses.dataclass(frozen=True)
class Frozen:
    prompt: str


class Schema(pydantic.BaseModel):
    prompt: str


class Slotted:
    __slots__ = ("prompt",)

    def __init__(self) -> None:
        self.prompt = "x"


def test_the_code_reads_the_plain_value_and_other_objects_stay_as_they_are() -> None:
    one, other = Agent(), Agent("hi")
    greeting = ao.bind(one, "greeting", doc="first word")

    assert (greeting.name, greeting.doc, greeting.kind) == ("greeting", "first word", "prompt")
    assert type(one.greeting) is str
    assert (one.run("Ann"), other.run("Bob")) == ("hello, Ann!", "hi, Bob!")


def test_a_candidate_is_seen_while_it_is_measured() -> None:
    agent = Agent()
    greeting = ao.bind(agent, "greeting")

    with bound({greeting: "dear"}):
        assert agent.run("Ann") == "dear, Ann!"
    assert agent.run("Ann") == "hello, Ann!"


def test_feedback_on_a_workflow_reaches_the_bound_attribute() -> None:
    agent = Agent()
    greeting = ao.bind(agent, "greeting")

    run = ao.trace(agent.run)("Ann")
    run.backward("warmer")

    assert [e.feedback.text for e in greeting.evidence] == ["warmer"]
    assert [(e.how, e.file == __file__) for e in run.escapes] == [("value", True)]


def test_a_bundle_that_reads_the_attribute_has_it_as_input() -> None:
    agent = Agent()
    greeting = ao.bind(agent, "greeting")

    made: Any = ao.bundle(agent.run)("Ann")

    assert [version.parameter for version in made.parents] == [greeting]


def test_assigning_sets_the_parameter_but_a_workflow_must_not() -> None:
    agent = Agent()
    greeting = ao.bind(agent, "greeting")
    agent.greeting = "good day"

    def workflow() -> str:
        agent.greeting = "sneaky"
        return agent.run("Ann")

    assert (greeting.value, agent.run("Ann")) == ("good day", "good day, Ann!")
    assert "bind what it reads" in str(ao.trace(workflow)().error)
    assert greeting.value == "good day"


def test_class_attributes_are_bound_for_one_object() -> None:
    one, other = Agent(), Agent()
    ao.bind(one, "style", choices=["plain", "ornate"]).set("ornate")

    assert (one.style, other.style, Agent.style) == ("ornate", "plain", "plain")
    other.style = "terse"
    assert other.style == "terse"
    del other.style
    assert other.style == "plain"


@pytest.mark.parametrize("holder", [Frozen("x"), Schema(prompt="x")], ids=["frozen", "pydantic"])
def test_frozen_dataclasses_and_pydantic_models_can_be_bound(holder: Any) -> None:
    prompt = ao.bind(holder, "prompt")
    with bound({prompt: "y"}):
        assert holder.prompt == "y"
    assert holder.prompt == "x"


def test_optimize_finds_and_improves_bound_attributes_without_a_change_to_the_code() -> None:
    agent = Agent()
    ao.bind(agent, "punctuation", choices=["!", "?"])

    result = ao.optimize(
        agent.run,
        examples=[{"name": "Ann"}],
        feedback=lambda reply: float(reply.endswith("?")),
        proposer="perturb",
        budget=ao.Budget(evaluations=30),
        target=1.0,
        out=None,
    )
    assert result.best.values == {"punctuation": "?"}
    assert agent.run("Ann") == "hello, Ann!"
    result.apply()
    assert agent.run("Ann") == "hello, Ann?"


def test_two_objects_with_one_attribute_need_names() -> None:
    one, other = Agent(), Agent("hi")
    ao.bind(one, "greeting", name="first")
    ao.bind(other, "greeting", name="second")

    assert list(ao.parameters_of([one, other])) == ["[0].greeting", "[1].greeting"]
    assert list(ao.parameters_of(one)) == ["first"]


def test_copies_and_pickles_hold_the_value() -> None:
    agent = Agent()
    ao.bind(agent, "greeting").set("ciao")

    for made in (copy.deepcopy(agent), pickle.loads(pickle.dumps(agent))):
        assert made.run("Ann") == "ciao, Ann!"
        made.greeting = "ahoj"
        assert agent.run("Ann") == "ciao, Ann!"


@pytest.mark.parametrize(
    ("holder", "attribute", "said"),
    [
        (Agent(), "nothing", "no such attribute"),
        (Agent(), "run", "computed or a method"),
        (Agent(), "loud", "computed or a method"),
        (Agent, "style", "attributes of a type cannot be bound"),
        (pytest, "approx", "attributes of a module cannot be bound"),
        ({"k": 1}, "k", "attributes of a dict cannot be bound"),
        (Slotted(), "prompt", "attributes of a Slotted cannot be bound"),
    ],
)
def test_what_cannot_be_bound_is_refused_in_words(holder: Any, attribute: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        ao.bind(holder, attribute)


def test_an_attribute_is_bound_once() -> None:
    agent = Agent()
    ao.bind(agent, "greeting")
    with pytest.raises(UsageError, match="bound already"):
        ao.bind(agent, "greeting")


def test_a_start_value_that_breaks_the_rules_leaves_the_object_as_it_was() -> None:
    agent = Agent()
    with pytest.raises(UsageError, match="start value"):
        ao.bind(agent, "greeting", choices=["a", "b"])
    assert "greeting" in vars(agent)
    assert not isinstance(vars(agent)["greeting"], Parameter)
    assert agent.run("Ann") == "hello, Ann!"


def test_bound_attribute_of_a_module_instance_is_one_of_its_parameters() -> None:
    class Planner(ao.Module):
        def __init__(self) -> None:
            self.depth = 2

    planner = Planner()
    ao.bind(planner, "depth", bounds=(1, 5))

    assert list(planner.parameters()) == ["depth"]
