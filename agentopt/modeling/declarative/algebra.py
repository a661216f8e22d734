"""The algebra of documents: sums, comparisons and conditions, parsed as Python expressions and never executed.

`evaluation` finds what an expression is worth. It looks like this:

    sum(cost[p, s] * ship[p, s] for p in plants for s in stores if distance[p, s] <= 400)
    stock[t] == stock[t - 1] + make[t] - demand[t]
    4 * open[p] if p in large else 2 * open[p]

Numbers are exact rationals. What is linear in the variables is a `Linear`; products of variables are refused.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from agentopt.errors import ProposalError

Key = int | str | tuple[int | str, ...]
"""A member of a set."""

MOST_CHARACTERS = 4000


class AlgebraError(ProposalError):
    """An expression that cannot be read or has no value; the words are for who wrote it."""


@dataclass(frozen=True)
class Linear:
    """`constant + sum of coefficient * column`."""

    terms: Mapping[str, Fraction] = field(default_factory=dict)
    constant: Fraction = Fraction(0)

    def plus(self, other: Linear, factor: Fraction = Fraction(1)) -> Linear:
        """`self + factor * other`."""
        terms = dict(self.terms)
        for name, coefficient in other.terms.items():
            terms[name] = terms.get(name, Fraction(0)) + factor * coefficient
        return Linear(terms, self.constant + factor * other.constant)

    def times(self, factor: Fraction) -> Linear:
        """`factor * self`."""
        return Linear({name: factor * a for name, a in self.terms.items()}, factor * self.constant)


def parse(text: str) -> ast.expr:
    """The expression in `text`.

    Raises:
        AlgebraError: it is none.
    """
    text = text.strip().replace("≤", "<=").replace("≥", ">=").replace("−", "-")
    if not text:
        raise AlgebraError("an expression is missing")
    if len(text) > MOST_CHARACTERS:
        raise AlgebraError(f"an expression of {len(text)} characters is too long; at most {MOST_CHARACTERS}")
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        hint = "; equality is written `==`" if re.search(r"(?<![<>=!])=(?!=)", text) else ""
        said = error.msg if isinstance(error, SyntaxError) else type(error).__name__
        raise AlgebraError(f"`{text}` cannot be read: {said}{hint}") from None


@dataclass(frozen=True)
class Domain:
    """Index names over sets, with a condition.

    Args:
        loops: (index names, set), from the outermost; several names for the members of a set of lists.
    """

    loops: tuple[tuple[tuple[str, ...], str], ...] = ()
    condition: ast.expr | None = None

    @property
    def indices(self) -> tuple[str, ...]:
        """All index names, in order."""
        return tuple(name for names, _ in self.loops for name in names)


def parse_domain(text: str) -> Domain:
    """The domain in a text such as `p in plants, t in weeks if t > 1`; empty for an empty text.

    Raises:
        AlgebraError: it is none.
    """
    loops_text, *conditions = re.split(r"\bif\b", re.sub(r"\bfor\b", ",", text), maxsplit=1)
    condition = "".join(conditions)
    loops_text = re.sub(r",(\s*,)+", ",", loops_text.strip().strip(",").strip())
    if not loops_text:
        return Domain()
    loops = []
    read = parse(f"({loops_text},)")
    for part in read.elts if isinstance(read, ast.Tuple) else ():
        match part:
            case ast.Compare(left=target, ops=[ast.In()], comparators=[ast.Name(id=of)]):
                loops.append((targets(target), of))
            case _:
                raise AlgebraError(f"`{ast.unparse(part)}` is no index; expected `name in set`")
    domain = Domain(tuple(loops), parse(condition) if conditions else None)
    if len(set(domain.indices)) < len(domain.indices):
        raise AlgebraError(f"`{text}` uses an index name twice")
    return domain


def targets(target: ast.expr) -> tuple[str, ...]:
    """The index names in `p` or `(i, j)`.

    Raises:
        AlgebraError: it is something else.
    """
    match target:
        case ast.Name(id=name):
            return (name,)
        case ast.Tuple(elts=parts) if all(isinstance(part, ast.Name) for part in parts):
            return tuple(part.id for part in parts if isinstance(part, ast.Name))
    raise AlgebraError(f"`{ast.unparse(target)}` is no index name")


def addends(node: ast.expr) -> list[tuple[ast.expr, int]]:
    """The parts of a sum that is written out, with 1 or -1; a long one is too deep a tree to be walked recursively."""
    parts: list[tuple[ast.expr, int]] = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
        parts.append((node.right, 1 if isinstance(node.op, ast.Add) else -1))
        node = node.left
    return [(node, 1), *reversed(parts)]
