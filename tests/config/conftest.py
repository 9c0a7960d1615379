"""A working folder of its own for every test of the configuration."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No run of the working folder is picked up by chance."""
    monkeypatch.chdir(tmp_path)
