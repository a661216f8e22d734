"""The numbers that a program states as data, and the program with other ones: what its model does not depend on."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agentopt.canonical import Json
from agentopt.errors import RunError
from agentopt.modeling.capture.harness import CAPTURE
from agentopt.modeling.model import Model
from agentopt.modeling.report import Evidence
from agentopt.modeling.sensitivity import unused_data
from agentopt.sandbox.base import Limits, Sandbox

_MOST_BUILDS = 60  # each runs the program once more


def stated_data(program: str) -> dict[str, list[float]]:
    """The numbers of every assignment of plain data, such as `cost = {"hay": 2}`, by name, in the order of the text.

    Keys of dictionaries, truth values and zeros, as of a sum that starts there, are no data; a name assigned twice is
    told apart by its line.
    """
    try:
        tree = ast.parse(program)
    except (SyntaxError, ValueError, RecursionError):
        return {}
    return {name: [ast.literal_eval(number) for number in numbers] for name, numbers in _assigned(tree)}


def with_data(program: str, data: Json) -> str:
    """The program with other numbers where `stated_data` found some."""
    tree = ast.parse(program)
    for name, numbers in _assigned(tree):
        for number, value in zip(numbers, data[name]):
            number.value = value
    return ast.unparse(tree)


def unused_numbers(program: str, model: Model, sandbox: Sandbox, limits: Limits) -> Evidence:
    """Whether `model`, which `program` built, depends on every number that the program states as data.

    Args:
        limits: of each further run of the program.
    """

    def build(data: Json) -> Model:
        outcome = sandbox.call(with_data(program, data), CAPTURE, [None], limits=limits)
        if outcome.status != "ok" or outcome.value["error"] is not None:
            raise RunError("the program with other numbers built no model")
        return Model.from_json(outcome.value["models"][-1])

    data = stated_data(program)
    if not any(data.values()):
        return Evidence(name="data", result="fine", detail="the program states no number apart from its model")
    try:
        if build(data).to_json() != model.to_json():
            detail = "the program does not build the same model every time"
            return Evidence(name="data", result="not checked", detail=detail)
        return unused_data(build, data, max_builds=_MOST_BUILDS)
    except RunError as error:
        return Evidence(name="data", result="not checked", detail=str(error))


def _assigned(tree: ast.AST) -> Iterator[tuple[str, list[ast.Constant]]]:
    seen: set[str] = set()
    for node in ast.walk(tree):
        if not isinstance(node, (ast.Assign, ast.AnnAssign)) or node.value is None:
            continue
        whole = node.target if isinstance(node, ast.AnnAssign) else node.targets[-1]
        pairs = [(whole, node.value)]
        if isinstance(whole, ast.Tuple) and isinstance(node.value, ast.Tuple):
            pairs = list(zip(whole.elts, node.value.elts))
        for target, part in pairs:
            if isinstance(target, ast.Name) and _is_plain(part):
                name = target.id if target.id not in seen else f"{target.id} (line {part.lineno}:{part.col_offset})"
                seen.add(name)
                yield name, list(_numbers(part))


def _is_plain(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def _numbers(node: ast.expr) -> Iterator[ast.Constant]:
    if isinstance(node, ast.Constant):
        if isinstance(node.value, (int, float)) and not isinstance(node.value, bool) and node.value != 0:
            yield node
    elif isinstance(node, ast.Dict):
        for value in node.values:
            yield from _numbers(value)
    else:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                yield from _numbers(child)
