"""Checks of what a plug-in is set up with, made before anything is spent."""

from __future__ import annotations

from importlib.util import find_spec

from agentopt.errors import MissingDependency, UsageError


def require_positive(**settings: float) -> None:
    """Refuses counts and lengths that are not above 0.

    Raises:
        UsageError: names the setting.
    """
    for name, value in settings.items():
        if not value > 0:
            expected = "1 or more" if isinstance(value, int) else "a number above 0"
            raise UsageError(f"`{name}` is {value}; expected {expected}")


def require_package(package: str, extra: str, needed_for: str) -> None:
    """Refuses to go on without an optional package; nothing is imported.

    Raises:
        MissingDependency: with the pip command.
    """
    if find_spec(package) is None:
        raise MissingDependency(package, extra, needed_for)
