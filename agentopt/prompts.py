"""Every sentence that is sent to a model comes from a file in `prompts/`; this reads and fills them.

A prompt file is TOML between two `+++` lines (`name`, `version`, `placeholders`), then sections that
start with a line `=== system`, `=== user` or another name. `{{name}}` is a placeholder.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from agentopt.errors import FormatError, UsageError
from agentopt.shelf import shelf

_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")
_SECTION = re.compile(r"^=== (\w+)\n", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """One prompt file.

    Args:
        name: the file's name without `.md`.
        version: raised whenever the text changes.
        placeholders: what must be filled in, in no order.
        sections: text by section name; a file without sections has one, called `text`.
        note: what the prompt is for, for people.
    """

    name: str
    version: int
    placeholders: frozenset[str]
    sections: Mapping[str, str]
    note: str = ""

    def fill(self, section: str = "text", **values: str) -> str:
        """The section's text with its placeholders replaced, in one pass: values are never searched.

        Raises:
            UsageError: a placeholder has no value, or the prompt has no such section.
        """
        if section not in self.sections:
            raise UsageError(f"prompt `{self.name}` has no section `{section}`; it has {sorted(self.sections)}")
        text = self.sections[section].strip()
        if missing := sorted(set(_PLACEHOLDER.findall(text)) - set(values)):
            raise UsageError(f"prompt `{self.name}`: no value for {missing}")
        return _PLACEHOLDER.sub(lambda match: values[match[1]], text)


def read_prompt(path: Path) -> Prompt:
    """The prompt in a file.

    Raises:
        FormatError: the front matter is missing or wrong, or its placeholders are not those in the text.
    """
    try:
        _, front, body = path.read_text(encoding="utf-8").split("+++\n", 2)
        about = tomllib.loads(front)
    except (ValueError, OSError) as error:
        raise FormatError(f"{path}:1: a prompt starts with TOML between two `+++` lines ({error})") from None
    for key, kind in (("name", str), ("version", int), ("placeholders", list)):
        if not isinstance(about.get(key), kind):
            raise FormatError(f"{path}:1: `{key}` must be a {kind.__name__}, got {about.get(key)!r}")
    used = set(_PLACEHOLDER.findall(body))
    if used != set(about["placeholders"]):
        raise FormatError(f"{path}: `placeholders` says {sorted(about['placeholders'])}, the text has {sorted(used)}")
    parts = _SECTION.split(body)
    if len(parts) > 1 and parts[0].strip():
        raise FormatError(f"{path}: there is text above the first section: {parts[0].strip()[:60]!r}")
    sections = dict(zip(parts[1::2], parts[2::2])) if len(parts) > 1 else {"text": body}
    return Prompt(
        name=about["name"],
        version=about["version"],
        placeholders=frozenset(used),
        sections=sections,
        note=about.get("note", ""),
    )


@cache
def load_prompt(name: str) -> Prompt:
    """The prompt of that name from the shelf.

    Raises:
        UsageError: there is none.
    """
    path = shelf("prompts") / f"{name}.md"
    if not path.is_file():
        raise UsageError(f"no prompt is called `{name}`; there are {prompt_names()}")
    return read_prompt(path)


def prompt_names() -> list[str]:
    """Names of the prompts on the shelf, sorted."""
    return sorted(path.stem for path in shelf("prompts").glob("*.md") if path.stem != "README")
