"""Dimension check of a document: whether what is added, compared and optimized has one unit.

Units are words joined by `*`, `/` or `per`, with powers (`kg*km/hour`, `$ per unit`, `m^2`); plurals count as the
singular. No unit is converted into another: `hours` and `minutes` do not fit, because a factor is missing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping

from agentopt.modeling.declarative.algebra import AlgebraError, addends, parse
from agentopt.modeling.declarative.document import Data, Document, Variable

Unit = Mapping[str, int]
"""Powers by word; empty for a plain number."""

_PLAIN = frozenset({"", "1", "-", "none", "binary", "boolean", "fraction", "ratio", "share", "percent", "%"})
_ALIASES = {"dollar": "$", "usd": "$", "euro": "€", "eur": "€", "hr": "hour", "h": "hour", "min": "minute"}
_JOINT = re.compile(r"\s*([*/·]|\bper\b)\s*")


def parse_unit(text: str) -> Unit:
    """The unit that a text says; words side by side belong together: `square feet` is one."""
    powers: dict[str, int] = {}
    pieces = ["*", *_JOINT.split(text.strip().lower())]
    for joint, piece in zip(pieces[::2], pieces[1::2]):
        word, _, power = piece.partition("^")
        name = _singular("_".join(word.split()))
        if name not in _PLAIN:
            count = int(power) if power.strip().lstrip("-").isdigit() else 1
            powers[name] = powers.get(name, 0) + (-count if joint in ("/", "per") else count)
    return {name: power for name, power in powers.items() if power}


def _singular(word: str) -> str:
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        word = word[:-1]
    return _ALIASES.get(word, word)


def unit_text(unit: Unit) -> str:
    """A unit as a person writes it, such as `$/hour`."""
    over = [f"{name}^{power}" if power > 1 else name for name, power in unit.items() if power > 0]
    under = [f"{name}^{-power}" if power < -1 else name for name, power in unit.items() if power < 0]
    return "/".join(["*".join(over) or "1", *under])


def unit_complaints(document: Document) -> list[tuple[str, str]]:
    """For each row family, and the objective, what does not fit: its name, and why.

    Terms with a unit that is not given, or with a number written into the expression, fit everything; what is
    said is therefore true of the given units, and what is not said proves nothing.
    """
    parts: list[Data | Variable] = [*document.parameters, *document.variables]
    units = {part.name: parse_unit(part.unit) for part in parts if part.unit}
    reader = _Reader(units)
    found = []
    for constraint in document.constraints:
        found += [(constraint.name, said) for said in reader.complaints(constraint.expression)]
    found += [("objective", said) for said in reader.complaints(document.objective.expression)]
    if document.objective.unit:
        value, wanted = reader.unit_of(document.objective.expression), parse_unit(document.objective.unit)
        if value is not None and value != wanted:
            said = f"the expression is in {unit_text(value)}, the objective in {unit_text(wanted)}"
            found.append(("objective", said))
    return found


class _Reader:
    """Finds the unit of expressions; `None` is a unit that is not known."""

    def __init__(self, units: Mapping[str, Unit]) -> None:
        self._units = units
        self._said: list[str] = []

    def complaints(self, expression: str) -> Iterator[str]:
        self._said = []
        self.unit_of(expression)
        yield from dict.fromkeys(self._said)

    def unit_of(self, expression: str) -> Unit | None:
        try:
            return self._unit(parse(expression))
        except (AlgebraError, RecursionError):  # said where the document is compiled
            return None

    def _unit(self, node: ast.expr) -> Unit | None:
        match node:
            case ast.Name(id=name) | ast.Subscript(value=ast.Name(id=name)):
                return self._units.get(name)
            case ast.UnaryOp(operand=operand):
                return self._unit(operand)
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                return _product(self._unit(left), self._unit(right), 1)
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return _product(self._unit(left), self._unit(right), -1)
            case ast.BinOp(op=ast.Add() | ast.Sub()):
                return self._common([part for part, _ in addends(node)])
            case ast.Compare(left=left, comparators=others):
                return self._common([left, *others])
            case ast.IfExp(body=body, orelse=otherwise):
                return self._common([body, otherwise])
            case ast.Call(args=[ast.GeneratorExp(elt=body)]):
                return self._unit(body)
            case ast.Call(func=ast.Name(id="min" | "max" | "abs"), args=arguments):
                return self._common(arguments)
        return None

    def _common(self, parts: list[ast.expr]) -> Unit | None:
        known = [(part, unit) for part in parts if (unit := self._unit(part)) is not None]
        for part, unit in known[1:]:
            if unit != known[0][1]:
                first = f"`{ast.unparse(known[0][0])}` is in {unit_text(known[0][1])}"
                self._said.append(f"{first}, `{ast.unparse(part)}` in {unit_text(unit)}")
                return None
        return known[0][1] if known and len(known) == len(parts) else None


def _product(left: Unit | None, right: Unit | None, sign: int) -> Unit | None:
    if left is None or right is None:
        return None
    powers = dict(left)
    for name, power in right.items():
        powers[name] = powers.get(name, 0) + sign * power
    return {name: power for name, power in powers.items() if power}
