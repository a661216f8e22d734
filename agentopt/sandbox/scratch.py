"""Removing what a hostile program may have left in its folder."""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path


def remove_tree(root: Path) -> None:
    """Removes `root` and all it contains, however deep, unreadable or linked; what resists stays.

    `shutil.rmtree` gives up on a tree deeper than the recursion limit. Here every folder is first
    moved up beside the others, so no path grows long.
    """
    with suppress(OSError):
        root.chmod(0o700)
        pending = [Path(entry.path) for entry in os.scandir(root) if entry.is_dir(follow_symlinks=False)]
        while pending:
            folder = pending.pop()
            folder.chmod(0o700)
            with os.scandir(folder) as entries:
                nested = [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
            for child in nested:
                child.chmod(0o700)  # a folder that is moved must be writable
                pending.append(child.rename(root / secrets.token_hex(16)))  # a name that nobody foresaw
    shutil.rmtree(root, ignore_errors=True)
