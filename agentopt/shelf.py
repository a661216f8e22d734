"""Where the project's data folders (`prompts`, `tasks`, `traces`) lie.

The one module that knows whether agentopt runs from a wheel (`agentopt/_shelf/…`) or a checkout.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from agentopt.errors import UsageError

ShelfFolder = Literal["prompts", "tasks", "traces"]

_PACKAGE = Path(__file__).parent


def shelf(folder: ShelfFolder) -> Path:
    """Folder of the shelf, wherever this installation keeps it.

    Raises:
        UsageError: the installation holds no such folder.
    """
    for place in (_PACKAGE / "_shelf" / folder, _PACKAGE.parent / folder):
        if place.is_dir():
            return place
    raise UsageError(f"this installation of agentopt has no `{folder}` folder beside {_PACKAGE}")
