"""Where parameters are found, and under which names."""

from __future__ import annotations

from typing import Any

import pytest

from agentopt.errors import UsageError
from agentopt.graph.bundling import bundle
from agentopt.graph.module import module, named, parameters_of, parameters_used_by
from agentopt.graph.node import Parameter
from agentopt.graph.render import render
from agentopt.graph.subgraph import propagate
from agentopt.graph.tracing import trace

SHARED = Parameter(1, name="shared")
OTHER = Parameter(2, name="other")


@module
class Planner:
    plain = 5

    def __init__(self) -> None:
        self.prompts = [Parameter("a", name="first"), "plain", Parameter("b", name="second")]
        self.limit: Any = Parameter(3, name="limit")
        self.note = "plain"


@module
class Team:
    def __init__(self) -> None:
        self.planner = Planner()
        self.members = {"critic": Planner(), "none": None}
        self.itself = self


def test_parameters_have_dotted_names_in_the_order_of_the_attributes() -> None:
    assert list(parameters_of(Team())) == [
        "planner.prompts[0]",
        "planner.prompts[2]",
        "planner.limit",
        "members['critic'].prompts[0]",
        "members['critic'].prompts[2]",
        "members['critic'].limit",
    ]


def test_names_are_the_same_for_every_instance() -> None:
    assert list(parameters_of(Planner())) == list(parameters_of(Planner()))


def test_found_parameters_are_the_objects_themselves() -> None:
    planner = Planner()

    assert parameters_of(planner)["limit"] is planner.limit


def test_module_with_a_plain_class_attribute_is_a_class_as_before() -> None:
    assert (Planner.plain, Planner().note, Planner.__name__) == (5, "plain", "Planner")


def test_shared_parameter_is_listed_once_under_its_first_name() -> None:
    held = Planner()
    held.note = held.limit

    assert list(parameters_of(held)) == ["prompts[0]", "prompts[2]", "limit"]


def test_object_that_is_no_module_is_not_looked_into() -> None:
    class Plain:
        def __init__(self) -> None:
            self.p = SHARED

    assert parameters_of(Plain()) == {}


def test_parameter_itself_is_found_under_its_own_name() -> None:
    assert parameters_of(SHARED) == {"shared": SHARED}


def test_trainable_bundle_is_found_under_the_function_s_name() -> None:
    @bundle(trainable=True)
    def solve(x: int) -> int:
        return x

    @bundle
    def fixed(x: int) -> int:
        return x

    assert [(name, p.kind) for name, p in parameters_of(solve).items()] == [("solve", "code")]
    assert parameters_of(fixed) == {}


def test_trainable_method_is_found_once_for_all_instances() -> None:
    @module
    class Solver:
        @bundle(trainable=True)
        def solve(self, x: int) -> int:
            return x

    assert list(parameters_of(Solver())) == ["solve"]
    assert parameters_of(Solver())["solve"] is parameters_of(Solver())["solve"]


def test_inherited_trainable_method_is_found() -> None:
    @module
    class Base:
        @bundle(trainable=True)
        def solve(self, x: int) -> int:
            return x

    class Child(Base):
        pass

    assert list(parameters_of(Child())) == ["solve"]


def test_module_with_slots_is_walked() -> None:
    @module
    class Slotted:
        __slots__ = ("p",)

        def __init__(self) -> None:
            self.p = SHARED

    assert list(parameters_of(Slotted())) == ["p"]


# named


def test_list_of_parameters_goes_by_their_names() -> None:
    assert named([SHARED, OTHER]) == {"shared": SHARED, "other": OTHER}


def test_same_parameter_twice_is_one() -> None:
    assert named([SHARED, SHARED]) == {"shared": SHARED}


def test_two_parameters_of_one_name_are_refused() -> None:
    with pytest.raises(UsageError, match="`shared`"):
        named([SHARED, Parameter(3, name="shared")])


@pytest.mark.parametrize("nothing", [[], {}, 3, None, [1], bundle(len)])
def test_nothing_to_optimize_is_refused(nothing: Any) -> None:
    with pytest.raises(UsageError, match="no parameter"):
        named(nothing)


def test_mapping_gives_the_names() -> None:
    assert named({"a": SHARED}) == {"a": SHARED}


def test_rendering_shows_the_names_that_proposals_use() -> None:
    team = Team()
    prompts: list[Any] = [team.planner.prompts[0], team.members["critic"].prompts[0]]  # type: ignore[union-attr]

    text = render([propagate(prompts[0] + prompts[1], "f")], parameters=named(team))

    assert "planner.prompts[0] (prompt)" in text
    assert "members['critic'].prompts[0] (prompt)" in text
    assert "add1 = planner.prompts[0] + members['critic'].prompts[0]" in text


# parameters_used_by


@bundle
def uses_shared(x: int) -> Any:
    return x + SHARED


def helper(x: int) -> Any:
    return uses_shared(x)


def test_parameter_read_through_a_global_is_found() -> None:
    def workflow() -> Any:
        return SHARED + 1

    assert parameters_used_by(workflow) == {"shared": SHARED}


def test_parameter_read_through_a_closure_is_found() -> None:
    local = Parameter(1, name="local")

    def workflow() -> Any:
        return local + 1

    assert parameters_used_by(workflow) == {"local": local}


def test_parameter_read_in_a_bundle_or_helper_is_found() -> None:
    def workflow(x: int) -> Any:
        return helper(x)

    assert parameters_used_by(workflow) == {"shared": SHARED}


def test_parameters_are_found_in_order_of_appearance_through_trace() -> None:
    @trace
    def workflow(x: int) -> Any:
        return OTHER + uses_shared(x)

    assert list(parameters_used_by(workflow)) == ["other", "shared"]


def test_module_used_by_the_workflow_is_searched() -> None:
    planner = Planner()

    def workflow() -> Any:
        return planner.limit

    assert set(parameters_used_by(workflow).values()) == set(parameters_of(planner).values())


def test_bound_method_leads_to_its_object() -> None:
    @module
    class Agent:
        def __init__(self) -> None:
            self.p = SHARED

        def answer(self) -> Any:
            return self.p

    assert list(parameters_used_by(Agent().answer).values()) == [SHARED]


def test_recursive_function_is_entered_once() -> None:
    def workflow(n: int) -> Any:
        return workflow(n - 1) if n else SHARED

    assert list(parameters_used_by(workflow).values()) == [SHARED]


def test_builtin_uses_no_parameters() -> None:
    assert parameters_used_by(len) == {}


def in_comprehension(xs: list[int]) -> Any:
    return [uses_shared(x) for x in xs]


def in_lambda(xs: list[int]) -> Any:
    return sorted(xs, key=lambda x: uses_shared(x))


def in_inner_function(x: int) -> Any:
    def inner() -> Any:
        return uses_shared(x)

    return inner()


def in_default(x: int, p: Any = SHARED) -> Any:
    return x + p


@pytest.mark.parametrize("workflow", [in_comprehension, in_lambda, in_inner_function, in_default])
def test_parameter_read_in_a_nested_scope_or_default_is_found(workflow: Any) -> None:
    assert parameters_used_by(workflow) == {"shared": SHARED}
