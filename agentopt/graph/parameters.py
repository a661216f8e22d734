"""Which parameters a module, a container or a workflow's code reaches, and under which names."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from types import CodeType
from typing import Any

from agentopt.errors import UsageError
from agentopt.graph.bundling import OWN_CODE, BoundBundle, Bundle
from agentopt.graph.trainable import Parameter

BOUND = "_agentopt_bound"
"""Where an object keeps the parameters that `bind` put in place of its attributes, by attribute."""


def parameters_of(holder: object) -> dict[str, Parameter]:
    """The parameters that `holder` reaches, by dotted name (`planner.prompts[0]`), in a stable order.

    Args:
        holder: a module's instance, a bundle, a parameter, an object with bound attributes, or a list, tuple or dict
            of these.

    Each parameter is listed once, under the first name that reaches it.

    Raises:
        UsageError: two have the same name, as behind dict keys that are written alike.
    """
    found: dict[int, tuple[str, Parameter]] = {}
    for name, parameter in parameter_paths(holder):
        found.setdefault(id(parameter), (name, parameter))
    return _by_name(found.values())


def parameter_paths(holder: object) -> Iterator[tuple[str, Parameter]]:
    """As `parameters_of`, with every name that reaches a parameter."""
    return _walk(holder, "", ())


def _by_name(found: Iterable[tuple[str, Parameter]]) -> dict[str, Parameter]:
    by_name: dict[str, Parameter] = {}
    for name, parameter in found:
        if by_name.setdefault(name, parameter) is not parameter:
            raise UsageError(f"two parameters are called `{name}`; give each a name of its own")
    return by_name


def _walk(x: object, name: str, above: tuple[int, ...]) -> Iterator[tuple[str, Parameter]]:
    if id(x) in above:
        return
    above = (*above, id(x))
    if isinstance(x, Parameter):
        yield name or x.name or "", x
    elif isinstance(x, (Bundle, BoundBundle)):
        if x.code is not None:
            yield name or x.code.name or "", x.code
    elif isinstance(x, Mapping):
        for key, member in x.items():
            yield from _walk(member, f"{name}[{key!r}]", above)
    elif isinstance(x, (list, tuple)):
        for i, member in enumerate(x):
            yield from _walk(member, f"{name}[{i}]", above)
    elif getattr(type(x), "__agentopt_module__", False):
        for key, member in attributes_of(x).items():
            yield from _walk(member, f"{name}.{key}" if name else key, above)
    else:
        for key, member in _bound_of(x).items():
            yield f"{name}.{key}" if name else member.name or key, member


def _bound_of(x: object) -> Mapping[str, Parameter]:
    found: Mapping[str, Parameter] = getattr(x, "__dict__", {}).get(BOUND, {})
    return found


def attributes_of(instance: object) -> dict[str, object]:
    """Bundles of the instance's classes, the most basic class first, then its own attributes, slots included."""
    found: dict[str, object] = {}
    for cls in reversed(type(instance).__mro__):
        for name, member in vars(cls).items():
            if isinstance(member, Bundle):
                found[name] = BoundBundle(member, instance)
            elif isinstance(member, (classmethod, staticmethod)) and isinstance(member.__func__, Bundle):
                found[name] = member.__func__
            elif isinstance(member, Parameter):
                found[name] = member
            elif name in found:  # overridden
                del found[name]
        slots = vars(cls).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            attribute = f"_{cls.__name__.lstrip('_')}{name}" if name[:2] == "__" != name[-2:] else name
            if attribute not in ("__dict__", "__weakref__") and hasattr(instance, attribute):
                found[attribute] = getattr(instance, attribute)
    own = {name: x for name, x in getattr(instance, "__dict__", {}).items() if name not in (OWN_CODE, BOUND)}
    return {**found, **own, **_bound_of(instance)}


def named(parameters: object) -> dict[str, Parameter]:
    """Parameters by the names that proposals use.

    Args:
        parameters: a mapping by name, a sequence of parameters or bundles, or whatever
            `parameters_of` takes.

    Raises:
        UsageError: none is found, or two have the same name.
    """
    found: Iterable[tuple[str, Parameter]]
    if isinstance(parameters, Mapping):
        found = (pair for name, holder in parameters.items() for pair in _walk(holder, str(name), ()))
    elif isinstance(parameters, (list, tuple)):
        found = (pair for holder in parameters for pair in parameters_of(holder).items())
    else:
        found = parameters_of(parameters).items()
    by_name = _by_name(found)
    if not by_name:
        raise UsageError(
            "there is no parameter to optimize; wrap a value in agentopt.Parameter, or use @bundle(trainable=True)"
        )
    return by_name


def parameters_used_by(function: Any) -> dict[str, Parameter]:
    """Parameters that a workflow's code can reach through globals, closures and the functions it names.

    Looks at names, does not run anything: parameters, trainable bundles, modules, and functions of the
    same file that use them, in order of appearance.

    Raises:
        UsageError: two have the same name, as those of two instances of one module.
    """
    found: dict[int, tuple[str, Parameter]] = {}
    entered: set[int] = set()
    _collect(function, found, entered)
    return _by_name(found.values())


def _collect(x: object, found: dict[int, tuple[str, Parameter]], entered: set[int]) -> None:
    if id(x) in entered:
        return
    entered.add(id(x))
    for name, parameter in parameters_of(x).items():
        found.setdefault(id(parameter), (parameter.name or name, parameter))
    holder = getattr(x, "__self__", None)
    if holder is not None:
        _collect(holder, found, entered)
    if isinstance(x, functools.partial):
        for part in (x.func, *x.args, *x.keywords.values()):
            _collect(part, found, entered)
    function: Any = x
    while hasattr(function, "__wrapped__"):  # a bundle may be under other decorators
        function = function.__wrapped__
        for name, parameter in parameters_of(function).items():
            found.setdefault(id(parameter), (parameter.name or name, parameter))
    if getattr(function, "__self__", None) is not None and function is not x:
        _collect(function.__self__, found, entered)
    code = getattr(function, "__code__", None)
    if code is None:
        return
    cells = dict(zip(code.co_freevars, function.__closure__ or ()))
    for name in _names_in(code):
        try:
            value = cells[name].cell_contents if name in cells else function.__globals__[name]
        except (KeyError, ValueError):  # a builtin, an attribute's name, or a cell not filled yet
            continue
        _collect_value(value, function, found, entered)
    for default in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
        _collect_value(default, function, found, entered)


def _collect_value(value: object, function: Any, found: dict[int, tuple[str, Parameter]], entered: set[int]) -> None:
    same_file = getattr(value, "__module__", None) == function.__module__
    is_marked = isinstance(value, (Parameter, Bundle)) or hasattr(type(value), "__agentopt_module__")
    if is_marked or same_file or _bound_of(value):
        _collect(value, found, entered)


def _names_in(code: CodeType) -> Iterator[str]:
    """Names that a function's code reads from around it, those of lambdas and comprehensions in it too."""
    yield from (*code.co_names, *code.co_freevars)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(constant)
