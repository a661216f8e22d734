"""Graphs and tasks as bytes, between a driver and its workers.

A node pickles without its graph; here the whole graph crosses, as a table, so that depth does not matter. Tasks
cross with the user's own modules in them, so that a worker needs agentopt and the installed packages only.
"""

from __future__ import annotations

import copyreg
import io
import pickle
import sys
import sysconfig
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from agentopt.errors import MissingDependency, UsageError
from agentopt.graph.bundling import Bundle
from agentopt.graph.node import Node, make
from agentopt.graph.operation import Operation
from agentopt.graph.showing import fingerprint, show
from agentopt.graph.structure import nodes_in
from agentopt.graph.subgraph import ancestors
from agentopt.graph.tracing import TracedWorkflow
from agentopt.graph.trainable import Parameter, Version


class ShownValue:
    """Stands for a value that could not come back from its machine; shown as that value was."""

    def __init__(self, text: str) -> None:
        self.text = text

    def to_text(self) -> str:
        """How a rendering shows it."""
        return f"{self.text} (on the worker; only this text came back)"

    def __repr__(self) -> str:
        return f"ShownValue({self.text!r})"


@dataclass
class _Row:
    """What one node of a packed graph holds; nodes in it are references by number."""

    value: Any
    operation: int | None
    inputs: tuple[Any, ...]
    is_changed: bool
    extra: dict[str, Any] | None


def pack_graph(output: Node, parameters: Mapping[str, Parameter]) -> bytes:
    """The graph of `output`, with the insides of its nodes.

    A value that cannot be pickled becomes a `ShownValue`. A parameter outside of `parameters` becomes a plain node.
    """
    nodes = _all_nodes(output)
    numbers = {node: number for number, node in enumerate(nodes)}
    names = {parameter: name for name, parameter in parameters.items()}
    read = [names.get(node.parameter) if isinstance(node, Version) else None for node in nodes]
    operations: dict[Operation, int] = {}
    rows = []
    for node in nodes:
        number = None if node.operation is None else operations.setdefault(node.operation, len(operations))
        rows.append(_Row(node._value, number, node.inputs, node.is_changed, _extra(node)))
    described = [(o.name, o.symbol, o.doc, o.source, o.parameters) for o in operations]
    try:
        packed = _dumps(rows, numbers)
    except Exception:  # noqa: BLE001  whatever a value's own pickling raises; which one is found out below
        packed = _dumps([_without_unpicklable(row, numbers) for row in rows], numbers)
    return pickle.dumps((read, described, numbers[output], packed))


def unpack_graph(packed: bytes, parameters: Mapping[str, Parameter]) -> Node:
    """The output of a packed graph; its versions are of the parameters in `parameters`."""
    output: int
    read, described, output, packed_rows = pickle.loads(packed)
    nodes = [make(None, None, ()) if name is None else Version(None, parameters[name]) for name in read]  # type: ignore[arg-type]  # no operation yet
    operations = [_described(*fields) for fields in described]
    unpickler = pickle.Unpickler(io.BytesIO(packed_rows))
    unpickler.persistent_load = nodes.__getitem__  # type: ignore[method-assign]  # as its documentation says
    for node, row in zip(nodes, unpickler.load()):
        node._value = row.value
        node._seen = fingerprint(row.value)
        if row.is_changed:
            node._seen = (node._seen or 0) + 1
        node.operation = None if row.operation is None else operations[row.operation]
        node.inputs = row.inputs
        for name, value in (row.extra or {}).items():
            setattr(node.extra(), name, value)
    return nodes[output]


def _all_nodes(output: Node) -> list[Node]:
    """The ancestors of `output` and of the nodes inside them, in order of creation."""
    found: dict[Node, None] = {}
    pending = [output]
    while pending:
        reached = [node for node in ancestors(pending.pop()) if node not in found]
        found.update(dict.fromkeys(reached))
        pending += [x for node in reached if node._extra is not None for x in node._extra.inside if x not in found]
    return sorted(found, key=lambda node: node.serial)


def _extra(node: Node) -> dict[str, Any] | None:
    return None if node._extra is None else dict(vars(node._extra))


def _without_unpicklable(row: _Row, numbers: Mapping[Node, int]) -> _Row:
    def fits(x: Any) -> bool:
        try:
            _dumps(x, numbers)
        except Exception:  # noqa: BLE001  it is shown instead
            return False
        return True

    extra = dict(row.extra or {})
    error = extra.get("error")
    if not fits(error):
        extra["error"] = type(type(error).__name__, (Exception,), {})(str(error))
    lost = [x for x in row.inputs if not fits(x)]
    if kept := tuple(node for x in lost for node in nodes_in(x)):  # the edges stay, without what held them
        extra["hidden"] = (*extra.get("hidden", ()), *kept)
    inputs = tuple(ShownValue(show(x)) if any(x is y for y in lost) else x for x in row.inputs)
    return replace(row, value=row.value if fits(row.value) else ShownValue(show(row.value)), inputs=inputs, extra=extra)


@lru_cache(maxsize=4096)
def _described(name: str, symbol: str, doc: str, source: str, parameters: tuple[str, ...]) -> Operation:
    """An operation for renderings, which say each once; it cannot be run."""
    made = Operation(name, _not_here, symbol, doc)
    made.__dict__.update(source=source, parameters=parameters)
    return made


def _not_here(*_: Any, **__: Any) -> None:
    raise UsageError("this node was made on another machine; its operation cannot be run again here")


def pack(value: Any) -> bytes:
    """`value` with the user's own functions, classes and modules' globals in it; the inverse is `pickle.loads`.

    Raises:
        UsageError: something in it cannot be pickled, such as a lock, a connection or a generator.
        MissingDependency: cloudpickle, which the extras `dask` and `ray` bring, is not installed.
    """
    try:
        with _own_modules_by_value():
            return _dumps(value, {})
    except MissingDependency:
        raise
    except Exception as error:
        raise UsageError(f"the workflow cannot be sent to other machines: {type(error).__name__}: {error}") from error


def _dumps(value: Any, numbers: Mapping[Node, int]) -> bytes:
    """`value` pickled; nodes in `numbers` by their number, agentopt's decorated functions by what they hold."""
    try:
        import cloudpickle
    except ImportError:
        raise MissingDependency("cloudpickle", "dask", "measuring on other machines") from None

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle has no types
        def persistent_id(self, x: Any) -> int | None:
            return numbers.get(x) if isinstance(x, Node) else None

        def reducer_override(self, x: Any) -> Any:
            if isinstance(x, (Bundle, TracedWorkflow)) and not _is_installed(sys.modules.get(x.__module__)):
                left_out: dict[str, Any] = {"_compiled": {}} if isinstance(x, Bundle) else {}
                state = {key: value for key, value in x.__dict__.items() if key != "own_sandbox"}
                return copyreg.__newobj__, (type(x),), state | left_out  # type: ignore[attr-defined]  # as by default
            if isinstance(x, Operation):
                _ = x.source, x.parameters  # read here, where the file is
            return super().reducer_override(x)

    file = io.BytesIO()
    Pickler(file, protocol=pickle.HIGHEST_PROTOCOL).dump(value)
    return file.getvalue()


_REGISTERING = threading.Lock()
_INSTALLED = tuple(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib"))
_OURSELVES = Path(__file__).resolve().parent.parent


@contextmanager
def _own_modules_by_value() -> Iterator[None]:
    """Inside, what is defined in modules that are not installed is pickled as it is, not by its name."""
    import cloudpickle

    with _REGISTERING:
        known = cloudpickle.list_registry_pickle_by_value()
        modules = {name: module for name, module in list(sys.modules.items()) if isinstance(module, ModuleType)}
        own = [m for name, m in modules.items() if name == m.__name__ and name not in known and not _is_installed(m)]
        for module in own:
            cloudpickle.register_pickle_by_value(module)
        try:
            yield
        finally:
            for module in own:
                cloudpickle.unregister_pickle_by_value(module)


def _is_installed(module: object) -> bool:
    """Whether a worker can import the module too: Python's own, an installed package's, or agentopt's."""
    if module is None or getattr(module, "__name__", "") == "__main__":
        return False
    file = getattr(module, "__file__", None)
    return not isinstance(file, str) or _is_in_installed_folder(file)


@cache
def _is_in_installed_folder(file: str) -> bool:
    path = Path(file).resolve()
    return any(path.is_relative_to(folder) for folder in (*_INSTALLED, _OURSELVES))
