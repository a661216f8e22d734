"""The modeling libraries whose solve calls are recorded, and which of them a program uses.

A dialect is a module with three functions: `watch(recorder)` makes the library record what is solved and returns what
undoes that; `is_model(value)` says whether a value is a model of the library; `model_of(value, namespaces)` reads it.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, cast, get_args

from agentopt.errors import MissingDependency, UsageError
from agentopt.modeling.capture.recorder import Recorder
from agentopt.modeling.model import Model

_HERE = "agentopt.modeling.capture"
DIALECTS: Mapping[str, tuple[str, ...]] = {
    "highspy": ("highspy_dialect",),
    "scipy": ("scipy_dialect",),
    "gurobipy": ("gurobi.dialect",),
    "pulp": ("pulp_dialect",),
    "pyomo": ("pyomo_dialect",),
    "ortools": ("ortools_dialect", "cpsat_dialect", "mathopt_dialect"),
    "pyscipopt": ("pyscipopt_dialect",),
    "cvxpy": ("cvxpy_dialect",),
    "linopy": ("linopy_dialect",),
}
_OURS = ("gurobipy",)  # nothing has to be installed for them
GurobipySource = Literal["dialect", "installed"]
"""What `import gurobipy` finds in a captured program: a module of agentopt's own, or the installed package."""


class Undo(Protocol):
    """A change of a library that can be taken back."""

    def undo(self) -> None:
        """Takes it back."""
        ...


class Dialect(Protocol):
    """How the models of one library are recorded and read."""

    def watch(self, recorder: Recorder) -> Sequence[Undo]:
        """Makes every solve of the library record its model first."""
        ...

    def is_model(self, value: object) -> bool:
        """`value` is a model of the library; the library is not imported for the question."""
        ...

    def model_of(self, value: Any, namespaces: Sequence[Mapping[str, Any]]) -> Model:
        """The model that `value` holds.

        Raises:
            CannotCapture: a `Model` cannot hold it.
        """
        ...


def check_gurobipy(gurobipy: GurobipySource) -> None:
    """Nothing, where `gurobipy` can be had.

    Raises:
        UsageError: it is no `GurobipySource`.
        MissingDependency: the installed package is asked for, and there is none.
    """
    if gurobipy not in get_args(GurobipySource):
        raise UsageError(f"`gurobipy` is {gurobipy!r}, not one of {get_args(GurobipySource)}")
    if gurobipy == "installed" and importlib.util.find_spec("gurobipy") is None:
        raise MissingDependency("gurobipy", "gurobipy", 'capturing with `gurobipy="installed"`')


def dialects_of(source: str, gurobipy: GurobipySource = "dialect") -> list[Dialect]:
    """Dialects of the libraries that `source` imports, where they are installed."""
    used = libraries_of(source)
    modules = {**DIALECTS, "gurobipy": (f"gurobi.{gurobipy}",)}
    return [
        cast(Dialect, importlib.import_module(f"{_HERE}.{name}"))  # a module has the protocol's functions
        for library, names in modules.items()
        if library in used and (library in _OURS or importlib.util.find_spec(library) is not None)
        for name in names
    ]


def cannot_load(source: str) -> str | None:
    """Why a library that `source` imports cannot be loaded into this process, if so."""
    if "ortools" in libraries_of(source) and "highspy" in sys.modules:
        return (
            "OR-Tools cannot be loaded in a process that has loaded highspy: both bring a `libhighs`. "
            "Run the program in a sandbox that does not preload highspy, and import only one of the two"
        )
    return None


def libraries_of(source: str) -> set[str]:
    """The libraries in `DIALECTS` that a program imports, `__import__("x")` included."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return set()
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 100:
            names.add(node.value.partition(".")[0])
    return names & DIALECTS.keys()
