"""Where parameters are found, and under which names."""

from __future__ import annotations

import copy
import functools
import pickle
from typing import Any

import pytest

from agentopt.errors import UsageError
from agentopt.graph.bundling import bundle
from agentopt.graph.module import Module, module
from agentopt.graph.node import detach
from agentopt.graph.parameters import named, parameters_of, parameters_used_by
from agentopt.graph.render import render
from agentopt.graph.scope import bound
from agentopt.graph.subgraph import backward, propagate
from agentopt.graph.tracing import trace
from agentopt.graph.trainable import Parameter

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


def test_trainable_method_is_found_once_on_an_instance() -> None:
    @module
    class Solver:
        @bundle(trainable=True)
        def solve(self, x: int) -> int:
            return x

    solver = Solver()

    assert list(parameters_of(solver)) == ["solve"]
    assert parameters_of(solver)["solve"] is parameters_of(solver)["solve"]


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


# code of instances, and copies


class Solver(Module):
    def __init__(self, limit: int = 3) -> None:
        self.limit = Parameter(limit, name="limit")

    @bundle(trainable=True, sandbox=None)
    def solve(self, x: int) -> Any:
        """Solves."""
        return self.limit + x

    @classmethod
    @bundle(trainable=True, sandbox=None)
    def made(cls, x: int) -> int:
        return x


HUNDRED = "def solve(self, x):\n    return 100 + x\n"


def code_of(solver: Solver) -> Parameter:
    return solver.parameters()["solve"]


def test_each_instance_of_a_module_has_code_of_its_own() -> None:
    a, b = Solver(), Solver()
    code_of(a).set(HUNDRED)
    code_of(b)

    assert [detach(a.solve(1)), detach(b.solve(1)), detach(Solver().solve(1))] == [101, 4, 4]


def test_code_of_an_instance_starts_as_its_class_s_is_by_then() -> None:
    method: Any = vars(Solver)["solve"]
    start = detach(method.code)
    try:
        method.code.set(HUNDRED)
        solver = Solver()
        code = code_of(solver)
    finally:
        method.code.set(start)

    assert detach(code) == HUNDRED


def test_instance_whose_code_nobody_asked_for_runs_its_class_s() -> None:
    method: Any = vars(Solver)["solve"]
    solver = Solver()

    with bound({method.code: HUNDRED}):
        assert detach(solver.solve(1)) == 101


def test_feedback_reaches_the_code_of_the_instance_that_ran() -> None:
    a, b = Solver(), Solver()
    codes = [code_of(a), code_of(b)]

    backward(a.solve(1), "f")

    assert [len(code.evidence) for code in codes] == [1, 0]


def test_method_gives_the_code_of_its_instance() -> None:
    solver = Solver()
    method: Any = solver.solve

    assert method.code is code_of(solver)
    assert parameters_of(method) == {"solve": method.code}


def test_trainable_class_method_is_found_and_shared() -> None:
    assert Solver().parameters()["made"] is Solver().parameters()["made"]


def test_overridden_bundle_is_no_parameter() -> None:
    class Child(Solver):
        def solve(self, x: int) -> Any:
            return x

    assert list(Child().parameters()) == ["made", "limit"]


def test_super_runs_the_overridden_bundle_s_own_code() -> None:
    class Child(Solver):
        @bundle(trainable=True, sandbox=None)
        def solve(self, x: int) -> Any:
            return super().solve(x) + 1

    child = Child()
    assert list(child.parameters()) == ["solve", "made", "limit"]
    assert detach(child.solve(1)) == 5


def test_instance_with_slots_only_shares_its_class_s_code() -> None:
    @module
    class Slotted:
        __slots__ = ()

        @bundle(trainable=True)
        def solve(self, x: int) -> int:
            return x

    assert parameters_of(Slotted())["solve"] is parameters_of(Slotted())["solve"]


def test_private_slot_is_found() -> None:
    @module
    class Slotted:
        __slots__ = ("__hidden",)

        def __init__(self) -> None:
            self.__hidden = SHARED

    assert parameters_of(Slotted()) == {"_Slotted__hidden": SHARED}


def test_deep_copy_has_equal_parameters_of_its_own_without_evidence() -> None:
    solver = Solver(5)
    code_of(solver).set(HUNDRED)
    backward(solver.solve(1) + solver.limit, "f")

    other = copy.deepcopy(solver)

    assert other.state_dict() == solver.state_dict()
    assert not set(other.parameters().values()) & {solver.limit, code_of(solver)}
    assert [p.evidence for p in (other.limit, code_of(other))] == [[], []]
    other.limit.set(6)
    assert detach(solver.limit) == 5


def test_parameter_that_is_shared_in_a_module_is_shared_in_its_copy() -> None:
    held = copy.deepcopy({"a": SHARED, "b": SHARED})

    assert held["a"] is held["b"]
    assert held["a"] is not SHARED


def test_pickled_module_has_equal_parameters() -> None:
    solver = Solver(5)
    code_of(solver).set(HUNDRED)

    other = pickle.loads(pickle.dumps(solver))

    assert other.state_dict() == solver.state_dict()
    assert detach(other.solve(1)) == 101


class Checked(Module):
    def __init__(self) -> None:
        self.p = Parameter(1, name="p", check=self.is_small)

    def is_small(self, value: int) -> bool:
        return value < 10


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_check_that_is_a_method_of_the_module_is_the_copy_s(copied: Any) -> None:
    held = copied(Checked())

    assert held.p.check.__self__ is held


def test_two_instances_of_one_module_in_a_workflow_are_refused_by_name() -> None:
    a, b = Solver(), Solver()

    def workflow() -> Any:
        return a.limit + b.limit

    with pytest.raises(UsageError, match="two parameters are called"):
        parameters_used_by(workflow)


def test_bundle_under_another_decorator_is_found() -> None:
    @functools.lru_cache
    @bundle(trainable=True)
    def solve(x: int) -> int:
        return x

    def workflow() -> Any:
        return solve(1)

    assert list(parameters_used_by(workflow)) == ["solve"]
