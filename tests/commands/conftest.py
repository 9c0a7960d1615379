"""A sweep, and stages that its jobs run."""

from __future__ import annotations

from pathlib import Path

import pytest
from counted_stages import SOURCE, Stages

from mirage.sweeps.multirun import Multirun, load_multirun


@pytest.fixture
def stages() -> Stages:
    return Stages()


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Multirun:
    """Two values of K by two seeds."""
    monkeypatch.chdir(tmp_path)
    words = [
        *SOURCE,
        "run=runs/s",
        "poses.count=6,12",
        "parts.seed=1,3",
        "sweep.commands=[images,poses]",
        "sweep.figures=[poses.score]",
    ]
    return load_multirun(words)
