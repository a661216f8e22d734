"""From a document to a `Model`: sets are expanded, names given, and everything wrong is said with its place."""

from __future__ import annotations

import ast
import keyword
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction

from agentopt.modeling.declarative.algebra import AlgebraError, Domain, Key, Linear, parse, parse_domain
from agentopt.modeling.declarative.document import (
    Constraint,
    Data,
    Document,
    DocumentError,
    IndexSet,
    Values,
    Variable,
)
from agentopt.modeling.declarative.evaluation import Evaluator
from agentopt.modeling.model import INFINITY, Column, Model, Objective, Row

MOST_COLUMNS = 20_000
MOST_ROWS = 20_000
_MOST_COMPLAINTS = 12


@dataclass(frozen=True, kw_only=True)
class Compilation:
    """A document's model, and what of the document does not reach it.

    Args:
        unused: parameters, whole or single entries such as `demand[3]`, that no bound, coefficient or condition
            looked up: whatever their values, the model would be the same.
    """

    model: Model
    unused: tuple[str, ...]


def compile_document(document: Document) -> Compilation:
    """The model that the document says; no code of the document is executed.

    Rows and columns are called `demand[store1,3]`: the name in the document, and the members of its indices.

    Raises:
        DocumentError: it says none; one line for each thing that is wrong, with the place.
    """
    compiler = _Compiler()
    compiler.read_names(document)
    compiler.stop_at_complaints()
    for data in document.parameters:
        with compiler.at(f"parameter `{data.name}`"):
            compiler.read_data(data)
    compiler.stop_at_complaints()
    for variable in document.variables:
        with compiler.at(f"variable `{variable.name}`"):
            compiler.read_variable(variable)
    compiler.stop_at_complaints()
    objective = Objective()
    with compiler.at("objective"):
        objective = compiler.objective(document)
    for constraint in document.constraints:
        with compiler.at(f"constraint `{constraint.name}`"):
            compiler.read_constraint(constraint.name, constraint.over, constraint.expression)
    compiler.stop_at_complaints()
    columns, rows = tuple(compiler.columns.values()), tuple(compiler.rows.values())
    return Compilation(model=Model(columns=columns, rows=rows, objective=objective), unused=compiler.table.unused())


@dataclass
class _Table:
    """What the names of a document mean, and which parameters were looked up."""

    sets: dict[str, tuple[Key, ...]] = field(default_factory=dict)
    data: dict[str, dict[tuple[Key, ...], Fraction]] = field(default_factory=dict)
    variables: dict[str, dict[tuple[Key, ...], str]] = field(default_factory=dict)
    used: set[tuple[str, tuple[Key, ...]]] = field(default_factory=set)

    def entry(self, name: str, key: tuple[Key, ...]) -> Linear:
        if name in self.data and key in self.data[name]:
            self.used.add((name, key))
            return Linear(constant=self.data[name][key])
        if name in self.variables and key in self.variables[name]:
            return Linear({self.variables[name][key]: Fraction(1)})
        there = self.data.get(name) or self.variables.get(name)
        if there is not None:
            first = ", ".join(entry_name(name, k) for k in list(there)[:4])
            more = ", …" if len(there) > 4 else ""
            raise AlgebraError(f"`{entry_name(name, key)}` does not exist; there are {first}{more}")
        if name in self.sets:
            raise AlgebraError(f"`{name}` is a set, not a number")
        raise AlgebraError(f"there is no parameter, variable or index `{name}`")

    def unused(self) -> tuple[str, ...]:
        """Parameters, or entries of parameters, that were never looked up."""
        found = []
        for name, entries in self.data.items():
            missing = [key for key in entries if (name, key) not in self.used]
            found += [name] if len(missing) == len(entries) else [entry_name(name, key) for key in missing]
        return tuple(found)


def entry_name(name: str, key: tuple[Key, ...]) -> str:
    """How a row or column is called: `x`, `x[3]`, `ship[plant1,store2]`."""
    return f"{name}[{','.join(map(str, key))}]" if key else name


class _Compiler:
    """The state of one compilation; complaints are collected, so that all are said at once."""

    def __init__(self) -> None:
        self.table = _Table()
        self.evaluator = Evaluator(self.table)
        self.columns: dict[str, Column] = {}
        self.rows: dict[str, Row] = {}
        self._complaints: list[str] = []

    @contextmanager
    def at(self, place: str) -> Iterator[None]:
        """What is wrong inside is a complaint about `place`."""
        try:
            yield
        except AlgebraError as error:
            self._complaints.append(f"{place}: {error}")
        except RecursionError:
            self._complaints.append(f"{place}: the expression is nested too deeply")

    def stop_at_complaints(self) -> None:
        if self._complaints:
            more = len(self._complaints) - _MOST_COMPLAINTS
            rest = [f"… and {more} more"] if more > 0 else []
            raise DocumentError("\n".join([*self._complaints[:_MOST_COMPLAINTS], *rest]))

    def read_names(self, document: Document) -> None:
        parts: list[IndexSet | Data | Variable | Constraint] = [
            *document.sets,
            *document.parameters,
            *document.variables,
            *document.constraints,
        ]
        seen: set[str] = set()
        for part in parts:
            with self.at(f"name `{part.name}`"):
                if part.name in seen:
                    raise AlgebraError("two parts of the document have it")
                if not part.name.isidentifier() or keyword.iskeyword(part.name) or part.name in ("sum", "len"):
                    raise AlgebraError("a name is letters, digits and `_`, not starting with a digit")
            seen.add(part.name)
        for index_set in document.sets:
            members = tuple(tuple(m) if isinstance(m, list) else m for m in index_set.members)
            with self.at(f"set `{index_set.name}`"):
                if len(set(members)) < len(members):
                    twice = next(m for m in members if members.count(m) > 1)
                    raise AlgebraError(f"the member {twice!r} occurs twice")
            self.table.sets[index_set.name] = members
        with self.at("variables"):
            if not document.variables:
                raise AlgebraError("there is none, so there is nothing to decide")

    def read_data(self, data: Data) -> None:
        domain = parse_domain(data.over)
        if domain.condition is not None:
            raise AlgebraError("`over` of a parameter has no condition; use a set of lists for a part of the indices")
        entries = dict(self._entries(domain, data.values))
        self.table.data[data.name] = entries

    def _entries(self, domain: Domain, values: Values) -> Iterator[tuple[tuple[Key, ...], Fraction]]:
        """The nested lists, by index; one level of lists for each set."""
        if not domain.loops:
            if isinstance(values, list):
                raise AlgebraError("`values` must be one number, because `over` is empty")
            yield (), Fraction(repr(values))
            return
        (names, of), rest = domain.loops[0], Domain(domain.loops[1:])
        members = self.table.sets.get(of)
        if members is None:
            raise AlgebraError(f"there is no set `{of}`")
        if not isinstance(values, list) or len(values) != len(members):
            got = f"{len(values)} entries" if isinstance(values, list) else "one number"
            raise AlgebraError(f"`values` gives {got} where `{of}` has {len(members)} members")
        inner: list[Values] = [*values]
        for member, value in zip(members, inner):
            head = member if isinstance(member, tuple) else (member,)
            if len(names) not in (1, len(head)):
                raise AlgebraError(f"the member {member!r} of `{of}` cannot be taken as {len(names)} indices")
            for key, number in self._entries(rest, value):
                yield (*head, *key), number

    def read_variable(self, variable: Variable) -> None:
        domain = parse_domain(variable.over)
        entries: dict[tuple[Key, ...], str] = {}
        for place in self.evaluator.places(domain, {}):
            key = _key(domain, place)
            if len(self.columns) >= MOST_COLUMNS:
                raise AlgebraError(f"the model has more than {MOST_COLUMNS} columns; that is too many here")
            entries[key] = entry_name(variable.name, key)
            if entries[key] in self.columns:
                raise AlgebraError(f"two columns are called `{entries[key]}`")
            lower, upper = (self._bound(bound, place) for bound in (variable.lower, variable.upper))
            if variable.type == "binary":
                lower, upper = max(lower or 0.0, 0.0), min(1.0 if upper is None else upper, 1.0)
            self.columns[entries[key]] = Column(
                name=entries[key],
                lower=-INFINITY if lower is None else lower,
                upper=INFINITY if upper is None else upper,
                type="continuous" if variable.type == "continuous" else "integer",
            )
        self.table.variables[variable.name] = entries

    def _bound(self, bound: float | str | None, place: Mapping[str, Key]) -> float | None:
        if isinstance(bound, str):
            return _float(self.evaluator.number(parse(bound), place))
        return bound

    def objective(self, document: Document) -> Objective:
        value = self.evaluator.linear(parse(document.objective.expression), {})
        return Objective(sense=document.objective.sense, coefficients=_floats(value), constant=_float(value.constant))

    def read_constraint(self, name: str, over: str, expression: str) -> None:
        comparison, domain = parse(expression), parse_domain(over)
        if not isinstance(comparison, ast.Compare):
            raise AlgebraError(f"`{expression}` compares nothing; expected `<=`, `>=` or `==`")
        if any(not isinstance(relation, (ast.LtE, ast.GtE, ast.Eq)) for relation in comparison.ops):
            raise AlgebraError(f"`{expression}`: a constraint has `<=`, `>=` or `==`; strict ones have no optimum")
        count = len(self.rows)
        for place in self.evaluator.places(domain, {}):
            if len(self.rows) >= MOST_ROWS:
                raise AlgebraError(f"the model has more than {MOST_ROWS} rows; that is too many here")
            where = ", ".join(f"{index} = {place[index]}" for index in domain.indices)
            try:
                self._add_rows(entry_name(name, _key(domain, place)), comparison, place)
            except AlgebraError as error:
                raise AlgebraError(f"at {where}: {error}" if where else str(error)) from None
        if len(self.rows) == count and domain.loops:
            raise AlgebraError(f"`{over}` holds for no index at all, so there is no row")

    def _add_rows(self, name: str, comparison: ast.Compare, place: Mapping[str, Key]) -> None:
        sides = [self.evaluator.linear(side, place) for side in (comparison.left, *comparison.comparators)]
        pairs = list(zip(sides, comparison.ops, sides[1:]))
        for number, (left, relation, right) in enumerate(pairs, 1):
            difference = left.plus(right, Fraction(-1)) if left.terms else right.plus(left, Fraction(-1))
            is_upper = isinstance(relation, ast.LtE) == bool(left.terms)
            is_equal = isinstance(relation, ast.Eq)
            side = _float(-difference.constant)
            row_name = name if len(pairs) == 1 else f"{name}:{number}"
            if row_name in self.rows:
                raise AlgebraError(f"two rows are called `{row_name}`")
            self.rows[row_name] = Row(
                name=row_name,
                lower=-INFINITY if is_upper and not is_equal else side,
                upper=side if is_upper or is_equal else INFINITY,
                coefficients=_floats(difference),
            )


def _key(domain: Domain, place: Mapping[str, Key]) -> tuple[Key, ...]:
    members = (place[index] for index in domain.indices)
    return tuple(key for member in members for key in (member if isinstance(member, tuple) else (member,)))


def _floats(value: Linear) -> dict[str, float]:
    return {name: _float(coefficient) for name, coefficient in value.terms.items() if coefficient}


def _float(value: Fraction) -> float:
    try:
        return float(value)
    except OverflowError:
        raise AlgebraError("a coefficient is beyond 1e308") from None
