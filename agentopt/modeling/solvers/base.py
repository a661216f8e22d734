"""What every solver returns: a status, and the evidence for it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Protocol, get_args

from agentopt.canonical import Json
from agentopt.errors import UsageError
from agentopt.modeling.model import Model

Status = Literal["optimal", "infeasible", "unbounded", "feasible", "time_limit", "unknown", "error"]
BasisStatus = Literal["basic", "lower", "upper", "zero"]
SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Solution:
    """What a solver says about a model. Nothing in it is proved: see `verify`.

    Args:
        status: `optimal` only when the solver finished; `feasible` when a limit stopped it with a point
            in hand, `time_limit` when it stopped it without one; `unknown` when it gave up; `error`
            when it refused the model.
        objective: value at `values`, in the model's own sense; `None` without a point.
        values: one per column, in column order. For `unbounded`, a feasible point the ray starts from.
        row_duals, reduced_costs: change of the objective per unit of a row's or column's bound; linear
            programs only.
        bound: best proven limit on the objective according to the solver, in the model's own sense.
        gap: relative, `|objective - bound| / |objective|`; 0.0 = closed.
        column_basis, row_basis: the final simplex basis of a linear program.
        farkas_ray: one weight per row that shows the linear relaxation infeasible.
        primal_ray: one entry per column, a direction along which the objective improves without end.
        time_s: seconds the solver took.
        solver: name and version, such as `HiGHS 1.15.1`.
        is_local: the point is the end of a local search, which nothing limited and which proves no optimum.
        options: what it was asked for: `time_limit_s`, `gap`, `seed`, `threads`.
        message: what else the solver said, such as why it refused the model.
    """

    status: Status
    objective: float | None = None
    values: tuple[float, ...] | None = None
    row_duals: tuple[float, ...] | None = None
    reduced_costs: tuple[float, ...] | None = None
    bound: float | None = None
    gap: float | None = None
    column_basis: tuple[BasisStatus, ...] | None = None
    row_basis: tuple[BasisStatus, ...] | None = None
    farkas_ray: tuple[float, ...] | None = None
    primal_ray: tuple[float, ...] | None = None
    time_s: float = 0.0
    solver: str = ""
    message: str = ""
    is_local: bool = False
    options: Mapping[str, float] = field(default_factory=dict)

    def record(self) -> Json:
        """The solve as an event: who was asked for what, what came of it, and how long it took."""
        kept = ("solver", "options", "status", "objective", "bound", "gap", "time_s", "message")
        return {name: _to_json(getattr(self, name)) for name in kept}

    def to_json(self) -> Json:
        """Plain JSON data, `schema` 1; numbers that are not finite are texts such as `"inf"`."""
        return {"schema": SCHEMA, **{f.name: _to_json(getattr(self, f.name)) for f in fields(self)}}

    @classmethod
    def from_json(cls, data: Json) -> Solution:
        """The solution that `to_json` wrote.

        Raises:
            UsageError: the data are not of schema 1, or describe no solution.
        """
        if not isinstance(data, Mapping) or data.get("schema") != SCHEMA:
            raise UsageError(f"a solution has `schema` {SCHEMA}, got {data!r:.80}")
        if data.get("status") not in get_args(Status):
            raise UsageError(f"a solution's status is one of {get_args(Status)}, got {data.get('status')!r}")
        known = {f.name for f in fields(cls)}
        return cls(**{name: _from_json(name, value) for name, value in data.items() if name in known})

    def by_name(self, model: Model) -> dict[str, float]:
        """Value of every column, by name; empty without a point."""
        return {column.name: value for column, value in zip(model.columns, self.values or ())}


class Solver(Protocol):
    """A solver of models."""

    def __call__(
        self, model: Model, *, time_limit_s: float = 60.0, gap: float = 0.0, seed: int = 0, threads: int = 1
    ) -> Solution:
        """What it says about `model`; status `error` and a message where it cannot represent the model exactly.

        Args:
            time_limit_s: seconds of the solve itself; what starting a process takes comes on top.
            gap: relative gap at which it may stop; with 0.0, `optimal` means that nothing is better
                within the solver's tolerances.

        Raises:
            MissingDependency: the solver is not installed.
        """
        ...


class SecondSolver(Protocol):
    """A solver that shares no code with the first, asked for an independent answer."""

    def __call__(self, model: Model, *, time_limit_s: float) -> Solution:
        """What it says about `model`, a gap of 0 being asked for.

        Raises:
            MissingDependency: the solver is not installed.
        """
        ...


def _to_json(value: Any) -> Json:
    if isinstance(value, tuple):
        return [_to_json(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {name: _to_json(entry) for name, entry in value.items()}
    return value


def _from_json(name: str, value: Json) -> Any:
    if isinstance(value, list):
        return tuple(_from_json(name, entry) for entry in value)
    if isinstance(value, dict):
        return {key: _from_json(key, entry) for key, entry in value.items()}
    if isinstance(value, str) and name not in ("status", "solver", "message", "column_basis", "row_basis"):
        return float(value)
    return value
