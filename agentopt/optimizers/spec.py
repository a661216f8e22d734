"""Plug-ins written as one line of text: `gepa:minibatch=5,merge=true`."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping
from typing import Any, Literal, Union, get_args, get_origin

from agentopt.errors import UsageError
from agentopt.graph.showing import show


def parse_spec(spec: str | Mapping[str, Any]) -> dict[str, Any]:
    """The settings in a spec, with the plug-in's `name` among them; values are still text where `spec` is.

    A spec is `name`, or `name:key=value,key=value`. Commas inside of parentheses belong to the value, and a value
    that is a spec itself is put into them: `halving:optimizer=(tpe:batch=4),rungs=3`.

    Raises:
        UsageError: a setting has no `=`, or is given twice; parentheses do not match.
    """
    if not isinstance(spec, str):
        return dict(spec)
    name, colon, rest = spec.partition(":")
    settings: dict[str, Any] = {"name": name.strip()}
    for part in _split(rest, spec) if colon else []:
        key, equals, value = (text.strip() for text in part.partition("="))
        if not equals or not key:
            raise UsageError(f"`{spec}`: expected `setting=value`, got `{part.strip()}`")
        if key in settings:
            raise UsageError(f"`{spec}`: the setting `{key}` is given twice")
        settings[key] = value[1:-1] if value.startswith("(") and value.endswith(")") else value
    return settings


def split_specs(text: str) -> list[str]:
    """The specs in `a,b:one=1,two=2,c`: a part that has a `=` and no `:` before it is a setting of the one before.

    Raises:
        UsageError: parentheses do not match, or a spec is empty.
    """
    specs: list[str] = []
    for part in _split(text, text):
        name, equals, _ = part.partition("=")
        if equals and ":" not in name and specs:
            specs[-1] += f",{part}"
        else:
            specs.append(part.strip())
    if not all(specs):
        raise UsageError(f"`{text}`: expected specs between the commas, such as `random,tpe:batch=4`")
    return specs


def _split(text: str, spec: str) -> list[str]:
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if depth < 0:
            break
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    if depth:
        raise UsageError(f"`{spec}`: its parentheses do not match")
    return parts


def typed(name: str, plugin: type, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a spec as the types that the plug-in's constructor is annotated with.

    Only text is read; anything else is passed on as it is, and so is text for settings that are no plain values.

    Raises:
        UsageError: an unknown setting, or a text that is no value of its type; names both, and what is expected.
    """
    try:
        accepted = inspect.signature(plugin, eval_str=True).parameters
    except NameError as error:
        raise UsageError(f"`{name}` cannot be set up from text: its annotations name {error.name!r}") from error
    if unknown := sorted(set(settings) - set(accepted)):
        raise UsageError(f"`{name}` has no settings {unknown}; it has {sorted(accepted)}")
    return {
        key: _read(f"`{name}`: setting `{key}`", value, accepted[key].annotation) if isinstance(value, str) else value
        for key, value in settings.items()
    }


def _read(what: str, text: str, annotation: Any) -> Any:
    kinds = _kinds(annotation)
    for kind in kinds:
        try:
            if get_origin(kind) is Literal:
                return _chosen(text, {str(value): value for value in get_args(kind)})
            return _READERS[kind](text) if kind in _READERS else text
        except ValueError:
            continue
    raise UsageError(f"{what} is {show(text, 80)}; expected {' or '.join(map(_expected, kinds))}")


def _kinds(annotation: Any) -> list[Any]:
    """The members of a union, those that read least text first."""
    members = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    order = list(_READERS)
    return sorted(members, key=lambda kind: order.index(kind) if kind in order else order.index(str))


def _chosen(text: str, values: Mapping[str, Any]) -> Any:
    if text not in values:
        raise ValueError(text)
    return values[text]


_READERS: dict[Any, Callable[[str], Any]] = {
    type(None): lambda text: _chosen(text.lower(), {"none": None}),
    bool: lambda text: _chosen(text.lower(), {"true": True, "false": False}),
    int: int,
    float: float,
    str: str,
}
"""How text becomes a value, by type, in the order in which the members of a union are tried."""


def _expected(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return ", ".join(map(str, get_args(kind)))
    words = {bool: "true or false", int: "a whole number", float: "a number", type(None): "none"}
    return words.get(kind, "text")
