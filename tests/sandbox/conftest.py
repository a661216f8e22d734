from __future__ import annotations

from collections.abc import Iterator

import pytest

from agentopt.sandbox.local import LocalSandbox


@pytest.fixture(scope="session")
def sandbox() -> Iterator[LocalSandbox]:
    """One sandbox for all tests that leave it as it was."""
    with LocalSandbox() as shared:
        yield shared
