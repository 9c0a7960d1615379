"""A store that is neither a folder nor a network."""

from __future__ import annotations

from collections.abc import Iterator

import fsspec
import pytest


@pytest.fixture
def memory() -> Iterator[str]:
    yield "memory://photos"
    fsspec.filesystem("memory").store.clear()
