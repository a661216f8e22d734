"""Plain Python source of a trained module or workflow, which runs without agentopt.

What is taken: the class or function, and of its file the functions, classes, constants and imports that it uses; from
other files only what agentopt's decorators are on, all else stays an import. Values and code of parameters are those
of the moment. Comments are lost; names, order and docstrings are kept.
"""

from __future__ import annotations

import ast
import copy
import symtable
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agentopt.errors import UsageError
from agentopt.graph.bundling import Bundle
from agentopt.graph.gathering import Definition, Program
from agentopt.graph.placing import Placing
from agentopt.graph.plain_source import MISSING, is_agentopts, is_module, literal
from agentopt.graph.reading import kinds_in
from agentopt.graph.state import replace_file
from agentopt.graph.stripping import Stripping
from agentopt.graph.tracing import TracedWorkflow


def export_source(target: Any, path: str | Path) -> None:
    """Writes plain Python source of a module's class, or of a workflow, that imports and runs without agentopt.

    Decorators and `Parameter(...)` calls are gone, trained values and code stand in their place, and what was a node
    is a plain value: `.value` of a node, `detach(node)` and `node.describe(...)` become the value itself. A method
    `__init__` keeps its arguments; arguments of the exported functions and methods are taken to be plain.

    Args:
        target: an instance of a class marked with `@module`, a workflow, a bundle or a function.
        path: the file to write; replaced whole or not at all.

    Raises:
        UsageError: naming what cannot be exported and where it is: source that cannot be read, a value without a
            literal form, `.value` of what may or may not be a node, `__init__` that computes with a parameter,
            anything else of agentopt's that the code uses (`ask`, `backward`, `Parameter.set` …).
    """
    if not is_module(target) and not isinstance(target, (Bundle, TracedWorkflow, types.FunctionType)):
        shown = f"the class `{target.__name__}`" if isinstance(target, type) else f"a {type(target).__name__}"
        raise UsageError(
            f"expected an instance of a class marked with @agentopt.module, a workflow or a function, got {shown}"
        )
    replace_file(path, _Source(target).text())


class _Source:
    """The source of one export."""

    def __init__(self, target: Any) -> None:
        self.value = type(target) if is_module(target) else target
        self.program = Program()
        if is_module(target):
            self.program.add_root("self", target)
        self.name = self.program.add(self.value)
        self.placing = Placing(self.program, target)
        self.kinds = kinds_in([body for definition in self.program.definitions for body in definition.bodies])

    def text(self) -> str:
        """The text of the file."""
        for definition in self.program.definitions:
            self._strip(definition)
        kept, imports = self._reached()
        title = f"`{self.name}` with its trained values, exported by agentopt; it does not need agentopt to run."
        head = [f'"""{title}"""', "from __future__ import annotations"]
        if imports:
            head.append("\n".join(imports))
        return "\n\n".join(head) + "\n\n\n" + "\n\n\n".join(_blocks(kept)) + "\n"

    def _strip(self, definition: Definition) -> None:
        if not definition.bodies:  # it could not be gathered whole
            return
        try:
            if isinstance(definition.tree, ast.ClassDef) and isinstance(definition.value, type):
                self._strip_class(definition, definition.tree, definition.value)
            else:
                body = definition.bodies[0]
                stripped = Stripping(self.kinds, body, definition.file)
                definition.trees = _statements(stripped.visit(definition.tree))
        except UsageError as error:
            definition.failure = error

    def _strip_class(self, definition: Definition, tree: ast.ClassDef, cls: type) -> None:
        outer, *methods = definition.bodies
        around = Stripping(self.kinds, outer, definition.file)
        by_tree = {id(body.tree): body for body in methods}
        self.placing.check(definition)
        if not getattr(cls, "__agentopt_module__", False) and any(
            around.makes_parameter(body.tree) for body in methods
        ):
            raise UsageError(f"`{cls.__name__}` makes parameters and is not marked with @agentopt.module; mark it")
        members: list[ast.stmt] = []
        for statement in tree.body:
            body = by_tree.get(id(statement))
            if body is not None:
                placed = self.placing.placed_in(definition, statement)
                members += _statements(Stripping(self.kinds, body, definition.file, placed).visit(statement))
                continue
            name = _assigned_name(statement)
            if name and isinstance(statement, (ast.Assign, ast.AnnAssign)) and around.makes_parameter(statement):
                held = vars(cls).get(name)
                if held is not None and not hasattr(held, "__get__"):
                    statement.value = literal(held, f"the value of `{cls.__name__}.{name}`")
            members += _statements(around.visit(statement))
        members += self.placing.closing(definition, members)
        tree.body = members or [ast.Pass()]
        tree.decorator_list = around.kept(tree.decorator_list)
        tree.bases = [around.visit(base) for base in tree.bases if not is_decorator_base(outer.names.resolve(base))]
        definition.trees = [tree]

    def _reached(self) -> tuple[list[Definition], list[str]]:
        """The definitions that the exported name needs, and the lines that import the rest."""
        kept: dict[int, Definition] = {}
        imports: dict[str, str] = {}
        pending: list[tuple[str, Definition | None]] = [(self.name, None)]
        while pending:
            name, user = pending.pop()
            if name in self.program.imports:
                imports[name] = self.program.imports[name]
            elif name in self.program.failures and user is not None:
                raise self.program.failures[name]
            for definition in self.program.binding(name):
                if id(definition) in kept:
                    continue
                if definition.failure is not None:
                    raise definition.failure
                kept[id(definition)] = definition
                for tree in definition.trees:
                    _refuse_imports(tree, definition.file)
                    for needed, is_needed_at_run_time in _needs(tree):
                        if is_needed_at_run_time:
                            self._check(needed, definition, tree)
                        if is_needed_at_run_time or needed not in self.program.failures:
                            pending.append((needed, definition))
        lines = sorted(set(imports.values()), key=lambda line: (line.startswith("from"), line))
        return sorted(kept.values(), key=lambda definition: definition.place), lines

    def _check(self, name: str, definition: Definition, tree: ast.stmt) -> None:
        """Raises where a name is agentopt's, or stands for nothing."""
        found = definition.bodies[0].names.resolve(ast.Name(name)) if definition.bodies else None
        for body in definition.bodies:
            found = body.names.around.get(name, found)
        is_ours = found is not MISSING and is_agentopts(found) and not self.program.binding(name)
        if is_ours or (found is MISSING and not self.program.binding(name) and name not in self.program.imports):
            where = next(
                (x.lineno for x in ast.walk(tree) if isinstance(x, ast.Name) and x.id == name and hasattr(x, "lineno")),
                "?",
            )
            why = "it is agentopt's and has no plain form" if is_ours else "nothing has this name now"
            raise UsageError(f"`{name}` at {definition.file}:{where} cannot be exported: {why}")


def is_decorator_base(value: object) -> bool:
    """Whether a base class is agentopt's own."""
    return isinstance(value, type) and is_agentopts(value)


def _statements(stripped: Any) -> list[ast.stmt]:
    return list(stripped) if isinstance(stripped, list) else [stripped]


def _assigned_name(statement: ast.stmt) -> str:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name
    return ""


def _refuse_imports(tree: ast.stmt, file: str) -> None:
    for x in ast.walk(tree):
        named = (
            [a.name for a in x.names]
            if isinstance(x, ast.Import)
            else [x.module or ""]
            if isinstance(x, ast.ImportFrom)
            else []
        )
        if any(name.partition(".")[0] == "agentopt" for name in named):
            raise UsageError(
                f"`{ast.unparse(x)}` at {file}:{getattr(x, 'lineno', '?')} cannot be exported; import it at the top"
            )


def _needs(tree: ast.stmt) -> Iterator[tuple[str, bool]]:
    """Names that a statement reads from around it; those of annotations are not needed at run time."""
    bare = _Bare().visit(copy.deepcopy(tree))
    table = symtable.symtable(ast.unparse(ast.fix_missing_locations(bare)), "exported", "exec")
    needed = set(_global_names(table))
    yield from ((name, True) for name in sorted(needed))
    annotations = {x.id for a in _annotations(tree) for x in ast.walk(a) if isinstance(x, ast.Name)}
    yield from ((name, False) for name in sorted(annotations - needed))


def _global_names(table: symtable.SymbolTable) -> Iterator[str]:
    for symbol in table.get_symbols():
        if symbol.is_referenced() and (symbol.is_global() or table.get_type() == "module"):
            yield symbol.get_name()
    for child in table.get_children():
        yield from _global_names(child)


def _annotations(tree: ast.AST) -> Iterator[ast.expr]:
    for x in ast.walk(tree):
        for found in (getattr(x, "annotation", None), getattr(x, "returns", None)):
            if isinstance(found, ast.expr):
                yield found


class _Bare(ast.NodeTransformer):
    """Takes the annotations off."""

    def visit_arg(self, x: ast.arg) -> ast.AST:
        x.annotation = None
        return x

    def visit_AnnAssign(self, x: ast.AnnAssign) -> ast.AST:
        x.annotation = ast.Constant(None)
        return self.generic_visit(x)

    def visit_FunctionDef(self, x: ast.FunctionDef) -> ast.AST:
        x.returns = None
        return self.generic_visit(x)

    def visit_AsyncFunctionDef(self, x: ast.AsyncFunctionDef) -> ast.AST:
        x.returns = None
        return self.generic_visit(x)


def _blocks(definitions: list[Definition]) -> Iterator[str]:
    """Definitions as text; neighbouring assignments are not separated."""
    lines: list[str] = []
    for definition in definitions:
        for tree in definition.trees:
            text = ast.unparse(ast.fix_missing_locations(tree))
            if isinstance(tree, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                if lines:
                    yield "\n".join(lines)
                lines = []
                yield text
            else:
                lines.append(text)
    if lines:
        yield "\n".join(lines)
