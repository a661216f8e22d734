"""Taking agentopt out of a definition: decorators, `Parameter(...)`, `detach(...)`, `.value` of nodes."""

from __future__ import annotations

import ast
from typing import Any

from agentopt.errors import UsageError
from agentopt.graph.bundling import Bundle
from agentopt.graph.node import Node, detach
from agentopt.graph.node_kinds import Body, Kinds
from agentopt.graph.plain_source import MISSING, WRAPPERS, is_agentopts, is_decorator, is_module, literal
from agentopt.graph.scope import stop_tracing
from agentopt.graph.trainable import Parameter

_OF_NODES = frozenset(name for kind in (Node, Parameter) for name in dir(kind) if not name.startswith("_"))


class Stripping(ast.NodeTransformer):
    """Rewrites one body so that it computes with plain values what it computed with nodes.

    Args:
        placed: values of parameters to write where `__init__` makes them, by attribute of `self`.
        file: what messages call the place.
    """

    def __init__(self, kinds: Kinds, body: Body, file: str, placed: dict[str, Any] | None = None) -> None:
        self.kinds = kinds
        self.body = body
        self.file = file
        self.placed = placed or {}

    def refused(self, x: ast.AST, why: str) -> UsageError:
        """The error that says what cannot be exported, and where it is."""
        return UsageError(f"`{ast.unparse(x)}` at {self.file}:{getattr(x, 'lineno', '?')} cannot be exported: {why}")

    def visit_Call(self, x: ast.Call) -> ast.AST:
        called = self.body.names.resolve(x.func)
        if isinstance(x.func, ast.Call) and is_decorator(self.body.names.resolve(x.func.func)):
            called = self.body.names.resolve(x.func.func)
        named = {k.arg: k.value for k in x.keywords}
        given = x.args[0] if x.args else named.get("value", named.get("function"))
        if called is detach or any(called is wrapper for wrapper in WRAPPERS) or is_decorator(called):
            if given is None or isinstance(given, ast.Starred):
                raise self.refused(x, "its value is not written in the call")
            return self.visit(given)  # type: ignore[no-any-return]
        if isinstance(x.func, ast.Attribute) and self.kinds.of(x.func.value, self.body) == "node":
            if x.func.attr == "describe":
                return self.visit(x.func.value)  # type: ignore[no-any-return]
            if x.func.attr == "attribute" and isinstance(given, ast.Constant):
                return ast.Attribute(self.visit(x.func.value), str(given.value), ast.Load())
        return self.generic_visit(x)

    def visit_Attribute(self, x: ast.Attribute) -> ast.AST:
        if isinstance(x.ctx, ast.Load):
            found = self.body.names.resolve(x)
            if found is not MISSING and is_agentopts(found) and not is_module(found):
                raise self.refused(x, "it has no plain form; leave it out of what is exported")
            if isinstance(self.body.names.resolve(x.value), Bundle) and x.attr in ("code", "function"):
                raise self.refused(x, "a plain function has no such attribute")
            kind = self.kinds.of(x.value, self.body)
            if x.attr == "value" and kind in ("node", "trace"):
                return self.visit(x.value)  # type: ignore[no-any-return]
            if kind == "trace" or (kind == "node" and x.attr in _OF_NODES):
                raise self.refused(x, "a plain value has no such attribute")
            if x.attr == "value" and kind in ("mixed", "nodes"):
                raise self.refused(
                    x, "it cannot be told whether `.value` is a node's here; write `agentopt.detach(...)` for a node's"
                )
        return self.generic_visit(x)

    def visit_With(self, x: ast.With) -> ast.AST | list[ast.stmt]:
        calls = [item.context_expr for item in x.items]
        if all(isinstance(c, ast.Call) and self.body.names.resolve(c.func) is stop_tracing for c in calls):
            return [self.visit(statement) for statement in x.body]
        return self.generic_visit(x)

    def visit_FunctionDef(self, x: ast.FunctionDef) -> ast.AST:
        return self._definition(x)

    def visit_AsyncFunctionDef(self, x: ast.AsyncFunctionDef) -> ast.AST:
        return self._definition(x)

    def _definition(self, x: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        x.decorator_list = self.kept(x.decorator_list)
        if x.returns is not None and self._mentions_agentopt(x.returns):
            x.returns = None
        return self.generic_visit(x)

    def kept(self, decorators: list[ast.expr]) -> list[ast.expr]:
        """The decorators that are not agentopt's."""
        targets = [(d, d.func if isinstance(d, ast.Call) else d) for d in decorators]
        return [d for d, target in targets if not is_decorator(self.body.names.resolve(target))]

    def visit_arg(self, x: ast.arg) -> ast.AST:
        if x.annotation is not None and self._mentions_agentopt(x.annotation):
            x.annotation = None
        return x

    def visit_Assign(self, x: ast.Assign) -> ast.AST:
        if len(x.targets) == 1 and (value := self._placed(x.targets[0], x.value)) is not None:
            x.value = value
            return x
        return self.generic_visit(x)

    def visit_AnnAssign(self, x: ast.AnnAssign) -> ast.AST:
        value = self._placed(x.target, x.value) if x.value is not None else None
        if self._mentions_agentopt(x.annotation):
            x.annotation = ast.Name("object", ast.Load())
        if value is not None:
            x.value = value
        elif x.value is not None:
            x.value = self.visit(x.value)
        return x

    def _placed(self, target: ast.expr, value: ast.expr) -> ast.expr | None:
        if isinstance(target, ast.Attribute) and target.attr in self.placed and self.makes_parameter(value):
            return self._in_place(value, self.placed[target.attr], f"the value of `self.{target.attr}`")
        return None

    def makes_parameter(self, x: ast.AST) -> bool:
        """Whether `Parameter(...)` is called in an expression."""
        return any(isinstance(y, ast.Call) and self.body.names.resolve(y.func) is Parameter for y in ast.walk(x))

    def _in_place(self, x: ast.expr, value: Any, whose: str) -> ast.expr:
        """`x` with the parameters' present values: written in the place of their calls, or else as a whole."""
        if not self.makes_parameter(x):
            return self.visit(x)  # type: ignore[no-any-return]
        if isinstance(x, (ast.List, ast.Tuple)) and len(x.elts) == len(value):
            x.elts = [self._in_place(member, value[i], whose) for i, member in enumerate(x.elts)]
            return x
        if isinstance(x, ast.Dict) and all(isinstance(k, ast.Constant) and k.value in value for k in x.keys):
            keys = [k.value for k in x.keys if isinstance(k, ast.Constant)]
            x.values = [self._in_place(member, value[key], whose) for key, member in zip(keys, x.values)]
            return x
        return literal(value, whose)

    def _mentions_agentopt(self, annotation: ast.expr) -> bool:
        expressions: list[ast.AST] = list(ast.walk(annotation))
        for x in list(expressions):
            if isinstance(x, ast.Constant) and isinstance(x.value, str):
                try:
                    expressions.extend(ast.walk(ast.parse(x.value, mode="eval")))
                except SyntaxError:
                    continue
        return any(
            is_agentopts(self.body.names.resolve(x)) for x in expressions if isinstance(x, (ast.Name, ast.Attribute))
        )
