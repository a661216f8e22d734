"""`GRB`: the constants of the gurobipy dialect, with the values its documentation gives."""

from __future__ import annotations

from typing import Any

VARIABLE_TYPES = "CBISN"
STATUS_NAMES = (
    "LOADED", "OPTIMAL", "INFEASIBLE", "INF_OR_UNBD", "UNBOUNDED", "CUTOFF", "ITERATION_LIMIT", "NODE_LIMIT",
    "TIME_LIMIT", "SOLUTION_LIMIT", "INTERRUPTED", "NUMERIC", "SUBOPTIMAL", "INPROGRESS", "USER_OBJ_LIMIT",
    "WORK_LIMIT", "MEM_LIMIT",
)  # fmt: skip
STATUSES = {name: code for code, name in enumerate(STATUS_NAMES, 1)}


class _Names(type):
    """Every attribute is its own name, as in `GRB.Attr.X == "X"`."""

    def __getattr__(cls, name: str) -> str:
        if name.startswith("_"):
            raise AttributeError(name)
        return name


class _Constants(type):
    def __getattr__(cls, name: str) -> Any:
        if name in STATUSES:
            return STATUSES[name]
        raise AttributeError(f"`GRB.{name}` is not known to the gurobipy dialect")


class GRB(metaclass=_Constants):
    """Senses, types, statuses, and names of attributes and parameters."""

    MINIMIZE, MAXIMIZE = 1, -1
    LESS_EQUAL, GREATER_EQUAL, EQUAL = "<", ">", "="
    CONTINUOUS, BINARY, INTEGER, SEMICONT, SEMIINT = tuple(VARIABLE_TYPES)
    SOS_TYPE1, SOS_TYPE2 = 1, 2
    INFINITY, UNDEFINED, MAXINT = 1e100, 1e101, 2000000000
    BASIC, NONBASIC_LOWER, NONBASIC_UPPER, SUPERBASIC = 0, -1, -2, -3
    VERSION_MAJOR, VERSION_MINOR, VERSION_TECHNICAL = 12, 0, 0
    BATCH_COMPLETED = 5

    class Attr(metaclass=_Names):
        """Names of attributes."""

    class Param(metaclass=_Names):
        """Names of parameters."""

    class Status:
        """Codes of `Model.Status`."""

    class Callback(metaclass=_Names):
        """Names only: callbacks are refused."""


for _name, _code in STATUSES.items():
    setattr(GRB.Status, _name, _code)
