"""Variables, sums of variables and products, and what comparing them gives."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from agentopt.modeling.capture.gurobi.attributes import Attributed, GurobiError, Unsupported
from agentopt.modeling.capture.gurobi.constants import VARIABLE_TYPES

if TYPE_CHECKING:
    from agentopt.modeling.capture.gurobi.building import Building


def is_number(value: object) -> bool:
    """`value` counts as a constant: a Python or numpy number, or an array without dimensions."""
    if isinstance(value, numbers.Real):
        return True
    is_scalar = not isinstance(value, (Algebra, str)) and getattr(value, "shape", None) == ()
    return is_scalar and hasattr(value, "__float__")


class Algebra:
    """Arithmetic and comparison of variables, sums and products; what numpy's arrays leave to their right operand."""

    __array_ufunc__ = None
    __hash__ = None  # type: ignore[assignment]

    def __add__(self, other: Any) -> Any:
        return _with(self, other, lambda one, two: one._copy()._add(two, 1.0))

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return _with(self, other, lambda one, two: one._copy()._add(two, -1.0))

    def __rsub__(self, other: Any) -> Any:
        return _with(self, other, lambda one, two: one._times(-1.0)._add(two, 1.0))

    def __mul__(self, other: Any) -> Any:
        return _with(self, other, _product)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        if not is_number(other):
            return _with(self, other, _quotient)
        return expression(self)._times(1.0 / float(other))

    def __rtruediv__(self, other: Any) -> Any:
        return _with(self, other, lambda one, two: _quotient(two, one))

    def __pow__(self, exponent: Any) -> Any:
        if exponent == 2:
            return _product(expression(self), expression(self))
        if exponent == 1:
            return expression(self)._copy()
        if exponent == 0:
            return LinExpr(1.0)
        raise refused(expression(self), f"`** {exponent}`: powers above 2 are not supported")

    def __neg__(self) -> Any:
        return expression(self)._times(-1.0)

    def __pos__(self) -> Any:
        return expression(self)._copy()

    def __le__(self, other: Any) -> Any:
        return compared(self, "<", other)

    def __ge__(self, other: Any) -> Any:
        return compared(self, ">", other)

    def __eq__(self, other: Any) -> Any:
        return compared(self, "=", other)

    def __ne__(self, other: Any) -> Any:
        raise GurobiError("`!=` is no constraint; use a binary variable to choose a side")

    def __lt__(self, other: Any) -> Any:
        raise GurobiError("a constraint is not strict: use `<=`, for whole numbers with a difference of 1")

    def __gt__(self, other: Any) -> Any:
        raise GurobiError("a constraint is not strict: use `>=`, for whole numbers with a difference of 1")

    def __bool__(self) -> bool:
        raise GurobiError("a variable or expression has no truth value before the model is solved")


class Var(Algebra, Attributed):
    """A decision variable of a `Model`."""

    SETTABLE: ClassVar[Mapping[str, Any]] = {
        "LB": 0.0, "UB": 1e100, "Obj": 0.0, "VType": "C", "VarName": "", "Start": 1e101, "PStart": 1e101,
        "VarHintVal": 1e101, "VarHintPri": 0, "BranchPriority": 0, "VTag": "", "Partition": 0, "LBPen": 0.0,
        "UBPen": 0.0, "VBasis": 0, "IISLBForce": -1, "IISUBForce": -1,
    }  # fmt: skip
    READABLE = ("X", "Xn", "RC", "index", "IISLB", "IISUB", "ScenNX")

    def __init__(self, model: Building, index: int, fields: Mapping[str, Any]) -> None:
        self.__dict__.update(_model=model, _index=index, _x=None, _rc=None, _iis=(0, 0), **fields)

    def __hash__(self) -> int:  # type: ignore[override]
        return id(self)

    def __eq__(self, other: Any) -> Any:
        return True if self is other else compared(self, "=", other)

    def __repr__(self) -> str:
        return f"<gurobi.Var {self.VarName}>"

    def sameAs(self, other: object) -> bool:
        """It is the same variable."""
        return self is other

    def _default(self, name: str) -> Any:
        return f"C{self._index}" if name == "VarName" else super()._default(name)

    def _write(self, name: str, value: Any) -> None:
        if name == "VType" and str(value) not in tuple(VARIABLE_TYPES):
            raise GurobiError(f"variable type {value!r} is none of {', '.join(VARIABLE_TYPES)}")
        if name in ("LB", "UB", "Obj"):
            value = _finite_or_infinite(value, name)
        if name == "Obj":
            self._model._drop_piecewise_cost(self)
        super()._write(name, value)

    def _read(self, name: str) -> Any:
        if name == "index":
            return self._model._position(self)
        if name in ("IISLB", "IISUB"):
            return self._iis[name == "IISUB"]
        value = self._rc if name == "RC" else self._x
        if value is None:
            raise AttributeError(f"Unable to retrieve attribute '{name}'")
        return value


class LinExpr(Algebra):
    """A constant, multiples of variables and, in a `QuadExpr`, of products of two."""

    def __init__(self, first: Any = 0.0, variables: Any = None) -> None:
        self._linear: dict[Var, float] = {}
        self._products: dict[tuple[Var, Var], float] = {}
        self._constant = 0.0
        if variables is not None:
            self.addTerms(first, variables)
        elif isinstance(first, (list, tuple)):
            self.addTerms([coefficient for coefficient, _ in first], [variable for _, variable in first])
        else:
            self._add(first, 1.0)

    def _copy(self) -> LinExpr:
        copy = QuadExpr() if self._products or isinstance(self, QuadExpr) else LinExpr()
        copy._linear, copy._products, copy._constant = dict(self._linear), dict(self._products), self._constant
        return copy

    def _times(self, factor: float) -> LinExpr:
        result = QuadExpr() if self._products else LinExpr()
        result._linear = {variable: value * factor for variable, value in self._linear.items()}
        result._products = {pair: value * factor for pair, value in self._products.items()}
        result._constant = self._constant * factor
        return result

    def _add(self, other: Any, factor: float) -> LinExpr:
        """Adds in place, as the cost of a long sum depends on it."""
        if isinstance(other, Var):
            self._linear[other] = self._linear.get(other, 0.0) + factor
        elif is_number(other):
            self._constant += factor * float(other)
        else:
            added = expression(other)
            for variable, value in added._linear.items():
                self._linear[variable] = self._linear.get(variable, 0.0) + factor * value
            for pair, value in added._products.items():
                self._products[pair] = self._products.get(pair, 0.0) + factor * value
            self._constant += factor * added._constant
        return self

    def __iadd__(self, other: Any) -> Any:
        return self._add(other, 1.0) if _is_plain(other) else self + other

    def __isub__(self, other: Any) -> Any:
        return self._add(other, -1.0) if _is_plain(other) else self - other

    def __repr__(self) -> str:
        shown = [f"{value!r} {variable!r}" for variable, value in self._linear.items()]
        shown += [f"{value!r} {pair[0]!r} * {pair[1]!r}" for pair, value in self._products.items()]
        return f"<gurobi.{type(self).__name__}: {' + '.join([repr(self._constant), *shown])}>"

    def getValue(self) -> float:
        """Its value at the solution."""
        total = self._constant + sum(value * variable.X for variable, value in self._linear.items())
        return float(total + sum(value * one.X * two.X for (one, two), value in self._products.items()))

    def size(self) -> int:
        """Number of its linear terms; of a `QuadExpr`, of its products."""
        return len(self._products if isinstance(self, QuadExpr) else self._linear)

    def getVar(self, index: int) -> Var:
        """Variable of a linear term."""
        return list(self._linear)[index]

    def getCoeff(self, index: int) -> float:
        """Coefficient of a term, as `size` counts them."""
        return list((self._products if isinstance(self, QuadExpr) else self._linear).values())[index]

    def getConstant(self) -> float:
        """Its constant."""
        return self._constant

    def addTerms(self, coefficients: Any, variables: Any, others: Any = None) -> None:
        """Adds `coefficient * variable`, one or many; with `others`, products."""
        if isinstance(variables, Var):
            coefficients, variables = [coefficients], [variables]
            others = None if others is None else [others]
        values = list(coefficients)
        if others is None:
            terms = [(float(value), expression(variable)) for value, variable in zip(values, variables, strict=True)]
        else:
            triples = zip(values, variables, others, strict=True)
            terms = [(float(value), _product(expression(one), expression(two))) for value, one, two in triples]
        for value, term in terms:
            self._add(term, value)

    def add(self, other: Any, factor: float = 1.0) -> None:
        """Adds a multiple of another expression."""
        self._add(expression(other)._copy(), float(factor))

    def addConstant(self, constant: float) -> None:
        """Adds a constant."""
        self._constant += float(constant)

    def remove(self, what: Any) -> None:
        """Removes the linear terms of a variable, or the one at a position."""
        self._linear.pop(self.getVar(what) if isinstance(what, int) else what, None)

    def copy(self) -> LinExpr:
        """An expression of its own."""
        return self._copy()

    def clear(self) -> None:
        """Makes it 0."""
        self._linear, self._products, self._constant = {}, {}, 0.0


class QuadExpr(LinExpr):
    """An expression that may have products of two variables."""

    def getLinExpr(self) -> LinExpr:
        """Its linear part and constant."""
        linear = LinExpr(self._constant)
        linear._linear = dict(self._linear)
        return linear

    def getVar1(self, index: int) -> Var:
        """First variable of a product."""
        return list(self._products)[index][0]

    def getVar2(self, index: int) -> Var:
        """Second variable of a product."""
        return list(self._products)[index][1]


class GenExpr:
    """What `max_`, `min_`, `abs_`, `and_` and `or_` give: the right-hand side of an equation."""

    def __init__(self, kind: str, operands: list[Any], constant: float | None = None) -> None:
        self.kind, self.operands, self.constant = kind, operands, constant

    def __eq__(self, other: Any) -> Any:
        return expression(other) == self

    __hash__ = None  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"`{self.kind}_(...)` only stands alone on one side of `==`; it has no `{name}`")


class TempConstr:
    """What a comparison gives, for `addConstr`: `left` compared with 0, between bounds, or equal to a `GenExpr`."""

    def __init__(self, left: LinExpr, sense: str, right: Any = None) -> None:
        self.left, self.sense, self.right = left, sense, right
        self.condition: tuple[Var, int] | None = None

    def __rshift__(self, implied: TempConstr) -> TempConstr:
        if not isinstance(implied, TempConstr):
            raise GurobiError(f"`(b == 1) >> ...` implies a constraint, got {type(implied).__name__}")
        conditional = TempConstr(implied.left, implied.sense, implied.right)
        conditional.condition = _condition_of(self)
        return conditional

    def __bool__(self) -> bool:
        raise GurobiError('a constraint has no truth value (are you trying "lb <= expr <= ub"?)')


def expression(value: Any) -> LinExpr:
    """`value` as an expression; one that is an expression already is given back itself."""
    if isinstance(value, LinExpr):
        return value
    if isinstance(value, Var):
        sum_ = LinExpr()
        sum_._linear[value] = 1.0
        return sum_
    if is_number(value):
        number = LinExpr()
        number._constant = float(value)
        return number
    if hasattr(value, "_as_scalar"):
        return expression(value._as_scalar())
    raise GurobiError(f"{type(value).__name__} {str(value)[:60]!r} is no variable, expression or number")


def quicksum(values: Iterable[Any]) -> Any:
    """The sum of expressions, variables and numbers."""
    total: Any = LinExpr()
    for value in values.values() if isinstance(values, Mapping) else values:
        total = total._add(value, 1.0) if _is_plain(value) and isinstance(total, LinExpr) else total + value
    return total._copy() if isinstance(total, LinExpr) and total._products else total


def compared(left: Any, sense: str, right: Any) -> Any:
    """The constraint of a comparison; of arrays, one for each entry."""
    if isinstance(right, GenExpr):
        if sense != "=":
            raise GurobiError(f"`{right.kind}_(...)` stands on one side of `==` only")
        return TempConstr(expression(left), "=", right)
    if isinstance(right, (list, tuple)) and len(right) == 2 and sense == "=" and all(map(is_number, right)):
        return TempConstr(expression(left)._copy(), "range", (float(right[0]), float(right[1])))
    return _with(left, right, lambda one, two: TempConstr(one._copy()._add(two, -1.0), sense))


def refused(where: LinExpr, message: str) -> Unsupported:
    """The error for something that cannot be expressed, noted in the model whose variables take part."""
    for variable in (*where._linear, *(variable for pair in where._products for variable in pair)):
        model: Building = variable._model
        return model._refuse(message)
    return Unsupported(message)


def _is_plain(value: Any) -> bool:
    return isinstance(value, (Var, LinExpr)) or is_number(value)


def _with(left: Any, right: Any, operation: Any) -> Any:
    """`operation` on two expressions; where one of them is an array, on its entries."""
    if _is_plain(right) or hasattr(right, "_as_scalar") or getattr(right, "shape", None) is None:
        if hasattr(right, "_entries"):
            return NotImplemented  # an array of variables knows what to do
        return operation(expression(left), expression(right))
    from agentopt.modeling.capture.gurobi import matrix  # needs numpy, and is made of these expressions

    return matrix.entrywise(left, right, operation)


def _product(one: LinExpr, two: LinExpr) -> LinExpr:
    if not one._linear and not one._products:
        return two._times(one._constant)
    if not two._linear and not two._products:
        return one._times(two._constant)
    if one._products or two._products:
        raise refused(one, "a product of more than two variables: introduce a variable for one of the products")
    result = QuadExpr()
    result._constant = one._constant * two._constant
    for factor, sum_ in ((two._constant, one), (one._constant, two)):
        if factor:
            for variable, value in sum_._linear.items():
                result._linear[variable] = result._linear.get(variable, 0.0) + factor * value
    for first, a in one._linear.items():
        for second, b in two._linear.items():
            pair = (first, second) if first._index <= second._index else (second, first)
            result._products[pair] = result._products.get(pair, 0.0) + a * b
    return result


def _quotient(one: LinExpr, two: LinExpr) -> LinExpr:
    if two._linear or two._products:
        raise refused(two, "division by a variable: multiply the constraint out")
    return one._times(1.0 / two._constant)


def _condition_of(constraint: TempConstr) -> tuple[Var, int]:
    """Variable and value of `b == 0` or `b == 1`."""
    linear, constant = constraint.left._linear, constraint.left._constant
    if constraint.sense != "=" or constraint.left._products or len(linear) != 1:
        raise GurobiError("an implication starts from `binary == 0` or `binary == 1`")
    variable, factor = next(iter(linear.items()))
    value = -constant / factor
    if value not in (0, 1):
        raise GurobiError(f"an implication starts from `binary == 0` or `binary == 1`, got the value {value:g}")
    return variable, int(value)


def _finite_or_infinite(value: Any, name: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise GurobiError(f"`{name}` is a number, got {value!r}") from None
    if math.isnan(number):
        raise GurobiError(f"`{name}` is a number, got NaN")
    return number
