"""The tables say what was measured: each figure under its name, and nothing that was not."""

from __future__ import annotations

from typing import Any

import pytest

from mirage.stages.evaluate import print_figures

ERRORS = {"median_deg": 3.25, "p90_deg": 9.5, "beyond_90": 0.0125}
POSES: dict[str, Any] = {
    "num_poses": 24,
    "count": {"why": "24 poses, as asked for"},
    "ring_score": 0.875,
    "homogeneity": 0.8125,
    "left_right": 0.0075,
    "pose_azimuth_error": ERRORS,
    "image_azimuth_error": ERRORS | {"median_deg": 2.75},
    "baselines": [{"name": "random", "homogeneity": 0.25, **ERRORS, "median_deg": 82.6}],
    "reliability": [{"confidence": 0.5, "accuracy": 0.75, "median_error": 6.5, "count": 48}],
}
VIEW = {"mode": "soft", "target_pose_accuracy": 0.9, "azimuth_error": 4.0, "colour_distance": 0.05}


def printed(figures: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> dict[str, list[str]]:
    """The cells of each row, by its first cell."""
    print_figures(figures)
    rows = [line.split("│")[1:-1] for line in capsys.readouterr().out.splitlines() if "│" in line]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in rows}


def test_poses_stand_beside_the_baselines(capsys: pytest.CaptureFixture[str]) -> None:
    rows = printed({"poses": POSES, "views": []}, capsys)
    assert rows["number"] == ["24 (24 poses, as asked for)"]
    assert rows["ring_score"] == ["0.875"] and rows["left_right"] == ["0.007"]
    assert rows["its pose's"] == ["3.25", "9.5", "0.0125", "0.812"]
    assert rows["its own"] == ["2.75", "9.5", "0.0125", "–"]  # an azimuth is no cluster
    assert rows["random"] == ["82.6", "9.5", "0.0125", "0.25"]
    assert rows["0.50"] == ["0.75", "6.5°", "48"]
    assert "mask_iou" not in rows and "soft" not in rows


def test_photos_without_truth_get_no_errors(capsys: pytest.CaptureFixture[str]) -> None:
    known = {name: POSES[name] for name in ("num_poses", "count", "ring_score")}
    rows = printed({"poses": known, "views": [VIEW]}, capsys)
    assert set(rows) == {"number", "ring_score", "soft"}
    assert rows["soft"] == ["–", "–", "0.900", "4.000", "0.050"]
