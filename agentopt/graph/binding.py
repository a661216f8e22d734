"""`bind`: an attribute of an ordinary object becomes a parameter, and the code that reads it stays as it is."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from agentopt.errors import UsageError
from agentopt.graph.parameters import BOUND
from agentopt.graph.scope import SCOPE
from agentopt.graph.trainable import Parameter

_MISSING = object()


class _BoundAttribute:
    """Stands in a class for an attribute that is a parameter on some of its instances."""

    def __init__(self, name: str, default: Any) -> None:
        self.name = name
        self.default = default

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        if instance is not None:
            parameter = instance.__dict__.get(BOUND, {}).get(self.name)
            if parameter is not None:
                return parameter.value
            if self.name in instance.__dict__:
                return instance.__dict__[self.name]
        if self.default is _MISSING:
            holder = owner if instance is None else type(instance)
            raise AttributeError(f"`{getattr(holder, '__name__', holder)}` has no attribute `{self.name}`")
        return self.default

    def __set__(self, instance: object, value: Any) -> None:
        parameter = instance.__dict__.get(BOUND, {}).get(self.name)
        if parameter is None:
            instance.__dict__[self.name] = value
            return
        scope = SCOPE.get()
        if scope is not None and scope.trace is not None:
            raise UsageError(
                f"the workflow assigns to `{self.name}`, which is bound to a parameter; bind what it reads"
            )
        parameter.set(value)

    def __delete__(self, instance: object) -> None:
        if self.name in instance.__dict__.get(BOUND, {}):
            raise UsageError(f"`{self.name}` is bound to a parameter and cannot be deleted")
        try:
            del instance.__dict__[self.name]
        except KeyError:
            raise AttributeError(self.name) from None


def bind(holder: object, attribute: str, *, name: str | None = None, **rules: Any) -> Parameter:
    """A parameter in place of `holder.attribute`, of which the present value is the start.

    Whoever reads the attribute gets the plain value, a candidate's while that is measured. The read is an input of
    the bundle, or an escape of the workflow, that it happens in. Assigning to it sets the parameter; a workflow must
    not. `optimize` finds the parameter where the workflow is a method of `holder` or names it.

    Args:
        holder: an object that keeps its attributes in a `__dict__`. Other objects of its class stay as they are.
        name: what proposals call it; the attribute's name where not given.
        rules: `kind`, `bounds`, `choices`, `doc` and the others of `Parameter`.

    Raises:
        UsageError: there is no such attribute, it is computed, bound already, or `holder` is no such object.
    """
    cls = type(holder)
    shown = f"`{cls.__name__}.{attribute}`"
    if isinstance(holder, (type, ModuleType, dict, list)) or not hasattr(holder, "__dict__"):
        raise UsageError(
            f"attributes of a {cls.__name__} cannot be bound: code can read its members unseen; "
            f"bind an attribute of an object, or use a Parameter"
        )
    in_class = next((vars(c)[attribute] for c in cls.__mro__ if attribute in vars(c)), _MISSING)
    if not isinstance(in_class, _BoundAttribute) and hasattr(type(in_class), "__get__"):
        raise UsageError(f"{shown} is computed or a method; bind a plain attribute that it reads")
    if attribute in holder.__dict__.get(BOUND, {}):
        raise UsageError(f"{shown} is bound already")
    try:
        start = getattr(holder, attribute)
    except AttributeError:
        raise UsageError(f"{shown} cannot be bound: there is no such attribute") from None
    if isinstance(start, Parameter):
        raise UsageError(f"{shown} is a parameter already")
    parameter = Parameter(start, name=name or attribute, **rules)
    if not isinstance(in_class, _BoundAttribute):
        setattr(cls, attribute, _BoundAttribute(attribute, in_class))
    holder.__dict__.setdefault(BOUND, {})[attribute] = parameter
    return parameter
