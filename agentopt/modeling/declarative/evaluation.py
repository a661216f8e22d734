"""What expressions are worth where the indices have members; nothing in them is executed as code."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from agentopt.modeling.declarative.algebra import AlgebraError, Domain, Key, Linear, addends, targets

MOST_STEPS = 500_000
"""Operations that the expressions of one document may take together; five seconds on a slow core."""
_MOST_BITS = 4096

Value = Linear | Key | bool
"""What an expression is worth: a number is a `Linear` without terms, an index a `Key`."""


class Symbols(Protocol):
    """What names mean."""

    @property
    def sets(self) -> Mapping[str, tuple[Key, ...]]:
        """Members by set."""
        ...

    def entry(self, name: str, key: tuple[Key, ...]) -> Linear:
        """The parameter or variable `name` at `key`, which is empty for one without indices.

        Raises:
            AlgebraError: there is none.
        """
        ...


@dataclass
class Evaluator:
    """Evaluates expressions, and counts its steps."""

    symbols: Symbols
    steps: int = 0

    def places(self, domain: Domain, scope: Mapping[str, Key]) -> Iterator[dict[str, Key]]:
        """`scope` with the indices of `domain`, for every member that satisfies its condition.

        Raises:
            AlgebraError: there is no such set, or its members are not of that shape.
        """
        yield from self._places(domain, 0, dict(scope))

    def _places(self, domain: Domain, depth: int, scope: dict[str, Key]) -> Iterator[dict[str, Key]]:
        if depth == len(domain.loops):
            if domain.condition is None or self.truth(domain.condition, scope):
                yield scope
            return
        names, of = domain.loops[depth]
        if of not in self.symbols.sets:
            raise AlgebraError(f"there is no set `{of}`; there are {_listed(self.symbols.sets)}")
        for member in self.symbols.sets[of]:
            self._step()
            parts = member if isinstance(member, tuple) and len(names) > 1 else (member,)
            if len(parts) != len(names):
                raise AlgebraError(f"a member of `{of}`, {member!r}, cannot be taken as {len(names)} indices")
            yield from self._places(domain, depth + 1, {**scope, **dict(zip(names, parts))})

    def linear(self, node: ast.expr, scope: Mapping[str, Key]) -> Linear:
        """The number or linear expression that `node` is.

        Raises:
            AlgebraError: it is something else.
        """
        value = self.value(node, scope)
        if isinstance(value, Linear):
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return Linear(constant=Fraction(value))
        raise AlgebraError(f"`{ast.unparse(node)}` is {value!r}; expected a number or an expression")

    def number(self, node: ast.expr, scope: Mapping[str, Key]) -> Fraction:
        """The number that `node` is.

        Raises:
            AlgebraError: it depends on a variable, or is no number.
        """
        value = self.linear(node, scope)
        if value.terms:
            raise AlgebraError(f"`{ast.unparse(node)}` depends on the variable {_first(value)}; expected a number")
        return value.constant

    def truth(self, node: ast.expr, scope: Mapping[str, Key]) -> bool:
        """Whether a condition on indices and parameters holds.

        Raises:
            AlgebraError: it is no condition, or depends on a variable.
        """
        value = self.value(node, scope)
        if isinstance(value, bool):
            return value
        raise AlgebraError(f"`{ast.unparse(node)}` is no condition")

    def value(self, node: ast.expr, scope: Mapping[str, Key]) -> Value:
        """What `node` is worth where the indices are as in `scope`."""
        self._step()
        match node:
            case ast.Constant(value=bool(constant)):
                return constant
            case ast.Constant(value=int(constant)):
                return constant
            case ast.Constant(value=float(constant)) if math.isfinite(constant):
                return Linear(constant=Fraction(repr(constant)))
            case ast.Constant(value=str(constant)):
                return constant
            case ast.Name(id=name):
                return scope[name] if name in scope else self.symbols.entry(name, ())
            case ast.Tuple(elts=parts):
                return tuple(key for part in parts for key in _flat(self.key(part, scope)))
            case ast.Subscript(value=ast.Name(id=name), slice=index):
                parts = index.elts if isinstance(index, ast.Tuple) else [index]
                return self.symbols.entry(name, tuple(k for part in parts for k in _flat(self.key(part, scope))))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self.linear(operand, scope).times(Fraction(-1))
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.linear(operand, scope)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return not self.truth(operand, scope)
            case ast.BinOp():
                return self._arithmetic(node, scope)
            case ast.BoolOp(op=ast.And(), values=values):
                return all(self.truth(value, scope) for value in values)
            case ast.BoolOp(values=values):
                return any(self.truth(value, scope) for value in values)
            case ast.Compare():
                return self._comparison(node, scope)
            case ast.IfExp(test=test, body=body, orelse=otherwise):
                return self.value(body if self.truth(test, scope) else otherwise, scope)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._call(name, arguments, scope)
        raise AlgebraError(f"`{ast.unparse(node)}` is not part of the algebra")

    def key(self, node: ast.expr, scope: Mapping[str, Key]) -> Key:
        """The member of a set that `node` is."""
        value = self.value(node, scope)
        if isinstance(value, Linear):
            if value.terms or value.constant.denominator != 1:
                raise AlgebraError(f"`{ast.unparse(node)}` is no index")
            return int(value.constant)
        return value

    def _step(self) -> None:
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise AlgebraError(f"the model is too large to be expanded: more than {MOST_STEPS} operations")

    def _arithmetic(self, node: ast.BinOp, scope: Mapping[str, Key]) -> Linear:
        if isinstance(node.op, (ast.Add, ast.Sub)):
            return self._total(((self.linear(part, scope), sign) for part, sign in addends(node)))
        left, right = self.linear(node.left, scope), self.linear(node.right, scope)
        match node.op:
            case ast.Mult():
                if left.terms and right.terms:
                    raise AlgebraError(
                        f"`{ast.unparse(node)}` multiplies the variables {_first(left)} and {_first(right)}; "
                        "the model must be linear"
                    )
                return left.times(right.constant) if left.terms else right.times(left.constant)
            case ast.Div() if right.terms:
                raise AlgebraError(f"`{ast.unparse(node)}` divides by the variable {_first(right)}; it must be linear")
            case ast.Div() if right.constant == 0:
                raise AlgebraError(f"`{ast.unparse(node)}` divides by 0")
            case ast.Div():
                return left.times(1 / right.constant)
            case ast.Mod() | ast.FloorDiv() if not (left.terms or right.terms) and right.constant != 0:
                whole = left.constant // right.constant
                rest = left.constant - whole * right.constant
                return Linear(constant=rest if isinstance(node.op, ast.Mod) else Fraction(whole))
            case ast.Pow() if not (left.terms or right.terms):
                return Linear(constant=_power(left.constant, right.constant, node))
        raise AlgebraError(f"`{ast.unparse(node)}` is not part of the algebra")

    def _comparison(self, node: ast.Compare, scope: Mapping[str, Key]) -> bool:
        left = self.value(node.left, scope)
        for relation, comparator in zip(node.ops, node.comparators):
            if isinstance(relation, (ast.In, ast.NotIn)):
                if not isinstance(comparator, ast.Name) or comparator.id not in self.symbols.sets:
                    raise AlgebraError(f"`{ast.unparse(comparator)}` is no set")
                if (left in self.symbols.sets[comparator.id]) != isinstance(relation, ast.In):
                    return False
                continue
            right = self.value(comparator, scope)
            compare = _RELATIONS.get(type(relation))
            pair = [_plain(side, node) for side in (left, right)]
            is_ordered = all(isinstance(side, Fraction) for side in pair) or type(pair[0]) is type(pair[1])
            if compare is None or not (is_ordered or isinstance(relation, (ast.Eq, ast.NotEq))):
                raise AlgebraError(f"`{ast.unparse(node)}` cannot be compared")
            if not compare(*pair):
                return False
            left = right
        return True

    def _call(self, name: str, arguments: list[ast.expr], scope: Mapping[str, Key]) -> Linear:
        match name, arguments:
            case "sum", [ast.GeneratorExp(elt=body, generators=generators)]:
                return self._sum(body, generators, scope)
            case "len", [ast.Name(id=of)] if of in self.symbols.sets:
                return Linear(constant=Fraction(len(self.symbols.sets[of])))
            case "min" | "max", [ast.GeneratorExp(elt=body, generators=generators)]:
                numbers = [self.number(body, place) for place in self.places(_domain(generators), scope)]
            case "min" | "max" | "abs" | "floor" | "ceil", [_, *_]:
                numbers = [self.number(argument, scope) for argument in arguments]
            case _:
                raise AlgebraError(f"`{name}(…)` is not part of the algebra; there are sum, len, {', '.join(_NUMERIC)}")
        if not numbers or (name not in ("min", "max") and len(numbers) > 1):
            raise AlgebraError(f"`{name}` of {len(numbers)} numbers has no value")
        return Linear(constant=Fraction(_NUMERIC[name](numbers)))

    def _sum(self, body: ast.expr, generators: list[ast.comprehension], scope: Mapping[str, Key]) -> Linear:
        places = self.places(_domain(generators), scope)
        return self._total((self.linear(body, place), 1) for place in places)

    def _total(self, parts: Iterable[tuple[Linear, int]]) -> Linear:
        terms: dict[str, Fraction] = {}
        constant = Fraction(0)
        for value, sign in parts:
            constant += sign * value.constant
            for column, coefficient in value.terms.items():
                self._step()
                terms[column] = terms.get(column, Fraction(0)) + sign * coefficient
        return Linear(terms, constant)


_RELATIONS: Mapping[type[ast.cmpop], Callable[..., bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_NUMERIC: Mapping[str, Callable[[list[Fraction]], Fraction | int]] = {
    "min": min,
    "max": max,
    "abs": lambda numbers: abs(numbers[0]),
    "floor": lambda numbers: math.floor(numbers[0]),
    "ceil": lambda numbers: math.ceil(numbers[0]),
}


def _domain(generators: list[ast.comprehension]) -> Domain:
    loops, conditions = [], []
    for generator in generators:
        if not isinstance(generator.iter, ast.Name) or generator.is_async:
            raise AlgebraError(f"`{ast.unparse(generator.iter)}` is no set; a sum goes over the sets of the document")
        loops.append((targets(generator.target), generator.iter.id))
        conditions += generator.ifs
    if not conditions:
        return Domain(tuple(loops))
    return Domain(tuple(loops), conditions[0] if len(conditions) == 1 else ast.BoolOp(ast.And(), conditions))


def _plain(value: Value, node: ast.expr) -> Fraction | str | tuple[int | str, ...]:
    if isinstance(value, Linear):
        if value.terms:
            raise AlgebraError(f"the condition `{ast.unparse(node)}` depends on the variable {_first(value)}")
        return value.constant
    return Fraction(value) if isinstance(value, int) else value


def _power(base: Fraction, exponent: Fraction, node: ast.expr) -> Fraction:
    if base == 0 and exponent < 0:
        raise AlgebraError(f"`{ast.unparse(node)}` divides by 0")
    if exponent.denominator != 1 or abs(exponent) > 20:
        raise AlgebraError(f"`{ast.unparse(node)}`: the exponent must be a whole number from -20 to 20")
    if (base.numerator.bit_length() + base.denominator.bit_length()) * abs(exponent) > _MOST_BITS:
        raise AlgebraError(f"`{ast.unparse(node)}` is too large")
    return base ** int(exponent)


def _flat(key: Key) -> tuple[int | str, ...]:
    return key if isinstance(key, tuple) else (key,)


def _first(value: Linear) -> str:
    return f"`{next(iter(value.terms))}`"


def _listed(names: Mapping[str, object]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"
