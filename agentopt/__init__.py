"""Autodiff for agent workflows.

Wrap a workflow with `trace` and `bundle`, mark what may change with `Parameter`, and let `optimize`
improve it from feedback. Names are imported when they are first used: importing agentopt costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentopt.budget import Budget
    from agentopt.candidate import Candidate, Evaluation, Trial
    from agentopt.catalog import load_task
    from agentopt.doors import compile, optimize_anything
    from agentopt.feedback import Feedback
    from agentopt.graph.binding import bind
    from agentopt.graph.bundling import bundle
    from agentopt.graph.functions import contains, length
    from agentopt.graph.module import Module, module
    from agentopt.graph.node import Node, detach, node
    from agentopt.graph.parameters import parameters_of
    from agentopt.graph.scope import stop_tracing
    from agentopt.graph.source_export import export_source
    from agentopt.graph.state import load, load_state_dict, save, state_dict
    from agentopt.graph.subgraph import backward
    from agentopt.graph.tracing import Trace, trace
    from agentopt.graph.trainable import Parameter
    from agentopt.handle import OptoPrime
    from agentopt.instance import Instance
    from agentopt.llm.base import LLM, ask
    from agentopt.loop import optimize
    from agentopt.result import Result
    from agentopt.resumption import resume
    from agentopt.review import Decision, Question
    from agentopt.session import Session
    from agentopt.task import Task

_HOMES = {
    "budget": ("Budget",),
    "candidate": ("Candidate", "Evaluation", "Trial"),
    "catalog": ("load_task",),
    "doors": ("compile", "optimize_anything"),
    "feedback": ("Feedback",),
    "graph.binding": ("bind",),
    "graph.bundling": ("bundle",),
    "graph.functions": ("contains", "length"),
    "graph.module": ("Module", "module"),
    "graph.node": ("Node", "detach", "node"),
    "graph.parameters": ("parameters_of",),
    "graph.scope": ("stop_tracing",),
    "graph.source_export": ("export_source",),
    "graph.state": ("load", "load_state_dict", "save", "state_dict"),
    "graph.subgraph": ("backward",),
    "graph.tracing": ("Trace", "trace"),
    "graph.trainable": ("Parameter",),
    "handle": ("OptoPrime",),
    "instance": ("Instance",),
    "llm.base": ("LLM", "ask"),
    "loop": ("optimize",),
    "result": ("Result",),
    "resumption": ("resume",),
    "review": ("Decision", "Question"),
    "session": ("Session",),
    "task": ("Task",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "LLM",
    "Budget",
    "Candidate",
    "Decision",
    "Evaluation",
    "Feedback",
    "Instance",
    "Module",
    "Node",
    "OptoPrime",
    "Parameter",
    "Question",
    "Result",
    "Session",
    "Task",
    "Trace",
    "Trial",
    "ask",
    "backward",
    "bind",
    "bundle",
    "compile",
    "contains",
    "detach",
    "export_source",
    "length",
    "load",
    "load_state_dict",
    "load_task",
    "module",
    "node",
    "optimize",
    "optimize_anything",
    "parameters_of",
    "resume",
    "save",
    "state_dict",
    "stop_tracing",
    "trace",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"agentopt has no `{name}`")
    value = getattr(importlib.import_module(f"agentopt.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
