"""Build hook: puts the data folders into wheels, and leaves editable installs alone.

A static `force-include` would leave a stale second copy in an editable install.
"""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDERS = ("prompts", "tasks", "traces")


class ShelfHook(BuildHookInterface):
    """Adds `prompts`, `tasks` and `traces` as `agentopt/_shelf/…`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling; `version` is `editable` for `pip install -e`."""
        if self.target_name == "wheel" and version != "editable":
            build_data["force_include"].update({folder: f"agentopt/_shelf/{folder}" for folder in FOLDERS})
