"""The trusted functions of modeling, called the way they are meant to be: inside a sandbox."""

from __future__ import annotations

from agentopt.modeling.model import Model
from agentopt.modeling.solvers.base import Solution
from agentopt.sandbox.base import Limits
from agentopt.sandbox.local import LocalSandbox

PROGRAM = """
import highspy

def build(data):
    h = highspy.Highs()
    x = h.addVariable(ub=data["limit"], name="x")
    h.maximize(3 * x)
    print("best", h.getObjectiveValue())
    return h
"""


def test_a_program_is_captured_in_one_sandbox_and_solved_in_another_call() -> None:
    with LocalSandbox() as sandbox:
        captured = sandbox.call(PROGRAM, "agentopt.modeling.capture.harness:capture", [{"limit": 2.5}])
        assert (captured.status, captured.stdout.strip()) == ("ok", "best 7.5"), captured
        model = captured.value["models"][-1]
        solved = sandbox.call("", "agentopt.modeling.solvers.highs:solve_json", [model, {"time_limit_s": 5.0}])

    assert Model.from_json(model).to_text() == "maximize 3 x\nwhere\n  0 <= x <= 2.5"
    assert Solution.from_json(solved.value).objective == 7.5


def test_a_program_that_never_ends_is_the_sandboxs_business() -> None:
    with LocalSandbox() as sandbox:
        outcome = sandbox.call(
            "while True:\n    pass\n", "agentopt.modeling.capture.harness:capture", [None], limits=Limits(wall_s=0.5)
        )

    assert outcome.status == "timeout"
