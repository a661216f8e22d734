"""The public names, pinned: a change here is a change that users see, and goes into CHANGELOG.md."""

from __future__ import annotations

import importlib
import inspect

import pytest

import agentopt

PUBLIC = {
    "agentopt": "Budget Candidate Decision Evaluation Feedback Instance LLM Module Node OptoPrime Parameter Question "
    "Result Session Task Trace Trial ask backward bind bundle compile contains detach export_source length load "
    "load_state_dict load_task module node optimize optimize_anything parameters_of resume save state_dict "
    "stop_tracing trace",
    "agentopt.modeling": "Alternative Check Column Equivalence Evidence Explanation Indicator Linearization Model "
    "ModelVerdict Objective Report Row Solution SpecialOrderedSet Verification Witness audit "
    "check_relations check_role equiv explain linearized read_model solve unused_data verify "
    "write_model",
    "agentopt.testing": "Fault FaultKind LoopbackServer RandomFaults ReceivedRequest",
}


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_are_these(name: str) -> None:
    assert sorted(importlib.import_module(name).__all__) == sorted(PUBLIC[name].split())


@pytest.mark.parametrize("name", agentopt.__all__)
def test_every_public_name_exists_and_says_what_it_is(name: str) -> None:
    assert inspect.getdoc(getattr(agentopt, name))


@pytest.mark.parametrize("name", [n for n in agentopt.__all__ if inspect.isfunction(getattr(agentopt, n))])
def test_optional_arguments_of_public_functions_are_keyword_only(name: str) -> None:
    parameters = inspect.signature(getattr(agentopt, name)).parameters.values()
    optional = [p.name for p in parameters if p.default is not p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    assert optional in ([], ["function"]), "a decorator takes its function; all else that is optional is named"


def test_no_exported_function_has_the_name_of_a_module() -> None:
    for name in agentopt.__all__:
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module(f"agentopt.{name}")
