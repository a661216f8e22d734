"""What the statements of a program say about which of its names are nodes."""

from __future__ import annotations

import ast
import types
from collections.abc import Sequence

from agentopt.graph.bundling import BoundBundle, Bundle
from agentopt.graph.node_kinds import Body, Kind, Kinds, gathered, is_one, joined, member_kind
from agentopt.graph.plain_source import FUNCTIONS, MISSING
from agentopt.graph.tracing import TracedWorkflow

_FILLING = {"append", "add", "insert", "appendleft"}


def kinds_in(bodies: Sequence[Body]) -> Kinds:
    """The kinds of the expressions of a program: its bodies are read until nothing more is learned."""
    kinds = Kinds(bodies)
    kinds.is_changed = True
    while kinds.is_changed:
        kinds.is_changed = False
        for body in bodies:
            _Reading(kinds, body).visit(body.tree)
    return kinds


class _Reading(ast.NodeVisitor):
    """One pass over a body: what its statements say about names, attributes, arguments and returns."""

    def __init__(self, kinds: Kinds, body: Body) -> None:
        self.kinds = kinds
        self.body = body
        self.within: list[ast.AST] = []

    def _bind(self, target: ast.AST, kind: Kind | None, value: ast.AST | None = None) -> None:
        match target:
            case ast.Name(id=name):
                self.kinds.note(self.body.kinds, name, kind)
            case ast.Attribute():
                self.kinds.note_attribute(self.body, target, kind)
            case ast.Subscript(value=ast.Name() | ast.Attribute() as held) if kind != "plain":
                self._bind(held, gathered([kind]))
            case ast.Starred(value=inner):
                self._bind(inner, gathered([member_kind(kind)]) if kind != "node" else "nodes")
            case ast.Tuple(elts=members) | ast.List(elts=members):
                parts = value.elts if isinstance(value, (ast.Tuple, ast.List)) else []
                is_pairwise = len(parts) == len(members) and not any(
                    isinstance(p, ast.Starred) for p in (*parts, *members)
                )
                for i, member in enumerate(members):
                    self._bind(member, self.kinds.of(parts[i], self.body) if is_pairwise else member_kind(kind))

    def _bind_each(self, target: ast.AST, iterated: ast.expr) -> None:
        """Binds the target of a loop."""
        called = self.body.names.resolve(iterated.func) if isinstance(iterated, ast.Call) else None
        if isinstance(iterated, ast.Call) and isinstance(target, ast.Tuple) and is_one(called, (enumerate, zip)):
            arguments = ([ast.Constant(0)] if called is enumerate else []) + iterated.args
            for member, argument in zip(target.elts, arguments):
                self._bind(member, member_kind(self.kinds.of(argument, self.body)))
        else:
            self._bind(target, member_kind(self.kinds.of(iterated, self.body)))

    def visit_Assign(self, x: ast.Assign) -> None:
        kind = self.kinds.of(x.value, self.body)
        for target in x.targets:
            self._bind(target, kind, x.value)
        self.generic_visit(x)

    def visit_AnnAssign(self, x: ast.AnnAssign) -> None:
        if x.value is not None:
            self._bind(x.target, self.kinds.of(x.value, self.body), x.value)
        self.generic_visit(x)

    def visit_AugAssign(self, x: ast.AugAssign) -> None:
        kind = self.kinds.of(x.value, self.body)
        self._bind(x.target, kind if kind in ("node", "nodes", "mixed") else None)
        self.generic_visit(x)

    def visit_NamedExpr(self, x: ast.NamedExpr) -> None:
        self._bind(x.target, self.kinds.of(x.value, self.body))
        self.generic_visit(x)

    def visit_For(self, x: ast.For | ast.AsyncFor) -> None:
        self._bind_each(x.target, x.iter)
        self.generic_visit(x)

    def visit_AsyncFor(self, x: ast.AsyncFor) -> None:
        self.visit_For(x)

    def visit_comprehension(self, x: ast.comprehension) -> None:
        self._bind_each(x.target, x.iter)
        self.generic_visit(x)

    def visit_withitem(self, x: ast.withitem) -> None:
        if x.optional_vars is not None:
            kind = self.kinds.of(x.context_expr, self.body)
            self._bind(x.optional_vars, kind if kind == "plain" else "mixed")
        self.generic_visit(x)

    def visit_FunctionDef(self, x: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        if x is self.body.tree:
            for i, argument in enumerate(_arguments(x)):
                if self.body.is_bundle and not (i == 0 and self.body.owner):
                    self.kinds.note(self.body.kinds, argument.arg, "plain")
        self.within.append(x)
        self.generic_visit(x)
        self.within.pop()

    def visit_AsyncFunctionDef(self, x: ast.AsyncFunctionDef) -> None:
        self.visit_FunctionDef(x)

    def visit_Return(self, x: ast.Return) -> None:
        if self.within:
            self.kinds.note(self.body.returns, id(self.within[-1]), self.kinds.of(x.value, self.body))
        self.generic_visit(x)

    def visit_Yield(self, x: ast.Yield) -> None:
        if self.within:
            self.kinds.note(self.body.returns, id(self.within[-1]), gathered([self.kinds.of(x.value, self.body)]))
        self.generic_visit(x)

    def visit_Name(self, x: ast.Name) -> None:
        self._passed_on(x)

    def visit_Attribute(self, x: ast.Attribute) -> None:
        self._passed_on(x)
        self.generic_visit(x)

    def _passed_on(self, x: ast.expr) -> None:
        """A function that is not called here may be called elsewhere with anything."""
        if isinstance(getattr(x, "ctx", None), ast.Load):
            self._give(x, None)

    def visit_Call(self, x: ast.Call) -> None:
        match x.func:
            case ast.Attribute(value=ast.Name() | ast.Attribute() as held, attr=attr) if attr in _FILLING and x.args:
                self._bind(held, gathered([self.kinds.of(x.args[-1], self.body)]))
            case ast.Attribute(value=ast.Name() | ast.Attribute() as held, attr="extend") if x.args:
                self._bind(held, gathered([member_kind(self.kinds.of(x.args[0], self.body))]))
        self._give(x.func, x)
        self._lambdas(x)
        if isinstance(x.func, ast.Attribute):
            self.visit(x.func.value)
        elif not isinstance(x.func, ast.Name):
            self.visit(x.func)
        for argument in (*x.args, *x.keywords):
            self.visit(argument)

    def _lambdas(self, x: ast.Call) -> None:
        given = [*x.args, *(k.value for k in x.keywords)]
        held = [x.func.value] if isinstance(x.func, ast.Attribute) else []
        others = [self.kinds.of(a, self.body) for a in (*held, *given) if not isinstance(a, ast.Lambda)]
        kind = joined(others)
        for function in (a for a in given if isinstance(a, ast.Lambda)):
            for argument in _arguments(function):
                self.kinds.note(
                    self.body.kinds, argument.arg, member_kind(kind) if kind in ("plain", "nodes", None) else "mixed"
                )

    def _give(self, function: ast.expr, call: ast.Call | None) -> None:
        """Notes what a function of the program gets as arguments; without a call, anything."""
        called = self.body.names.resolve(function)
        if isinstance(called, (Bundle, BoundBundle, TracedWorkflow)):
            return
        inner = self.body.inner(function.id) if isinstance(function, ast.Name) and called is MISSING else None
        body = self.body if inner is not None else self.kinds.body_of(called)
        tree = inner if inner is not None else body.tree if body is not None else None
        if body is None or not isinstance(tree, FUNCTIONS) or body.is_bundle:
            return
        skipped = 1 if inner is None and body.owner and not isinstance(called, types.FunctionType) else 0
        arguments = _arguments(tree)[skipped:]
        is_exact = call is not None and not any(isinstance(a, ast.Starred) for a in call.args)
        is_exact = is_exact and not any(k.arg is None for k in call.keywords) if call is not None else False
        if call is None or not is_exact or tree.args.vararg or tree.args.kwarg:
            for argument in arguments:
                self.kinds.note(body.kinds, argument.arg, "mixed")
            return
        given = dict(zip((a.arg for a in arguments), call.args)) | {k.arg or "": k.value for k in call.keywords}
        for name, value in given.items():
            self.kinds.note(body.kinds, name, self.kinds.of(value, self.body))


def _arguments(x: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> list[ast.arg]:
    rest = [a for a in (x.args.vararg, x.args.kwarg) if a is not None]
    return [*x.args.posonlyargs, *x.args.args, *x.args.kwonlyargs, *rest]
