"""Views of photos are measured on those held out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mirage.config import Config
from mirage.config.load import load_config
from mirage.evaluation import view_cases
from mirage.runs.folder import RunFolder


def test_a_photo_that_a_person_names_is_not_what_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def find(config: Config, *_: object) -> tuple[list[object], list[object]]:
        asked.append(config.views.reference)
        return [], []

    monkeypatch.setattr(view_cases, "find_references", find)
    config = load_config([f"run={tmp_path}", "views.reference=car.jpg"])
    azimuths, folder = np.zeros(1, np.float32), RunFolder(tmp_path)
    assert view_cases.view_cases(config, folder, None, azimuths, None) == []  # type: ignore[arg-type]
    assert asked == ["heldout"]
