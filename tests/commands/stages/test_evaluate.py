"""The tables say what was measured: each figure under its name, and nothing that was not."""

from __future__ import annotations

from typing import Any

import pytest

from mirage.drawing.tables import print_tables
from mirage.evaluation.figures import tables_of
from mirage.evaluation.view_tables import view_tables

ERRORS = {"median_deg": 3.25, "p90_deg": 9.5, "beyond_90": 0.0125}
POSES: dict[str, Any] = {
    "num_poses": 24,
    "count": {"why": "24 poses, as asked for"},
    "ring_score": 0.875,
    "homogeneity": 0.8125,
    "left_right": 0.0075,
    "pose_azimuth_error": ERRORS,
    "image_azimuth_error": ERRORS | {"median_deg": 2.75},
    "baselines": [{"name": "random", **ERRORS, "median_deg": 82.6}],
    "reliability": [{"confidence": 0.5, "accuracy": 0.75, "median_error": 6.5, "count": 48}],
}


def row(mode: str, **figures: float) -> dict[str, Any]:
    """A row of views whose intervals reach 10% to both sides."""
    ends = {name: {"low": 0.9 * x, "high": 1.1 * x} for name, x in figures.items()}
    return {"mode": mode, **figures, "intervals": ends}


SEEN = {
    "within": 0.5,
    "azimuth_error": 4.0,
    "colour_distance": 0.05,
    "to_reference": 0.8,
    "adjacent": 0.75,
}
TRUE = {"psnr": 20.0, "ssim": 0.75, "feature_distance": 0.25}
COST = {"seconds_a_view": 0.125, "forwards": 540, "peak_memory_mib": 1200.4}
SET = {"backbone": "effnet_lite", "objects": 16, "views": 12, "heldout_images": 99}
DIFFERENCES = [
    {
        "of": "hard",
        "minus": "soft",
        "within": -0.05,
        "psnr": 0.25,
        "fd": -2.0,
        "intervals": {
            "psnr": {"low": 0.125, "high": 0.375},
            "fd": {"low": -5.0, "high": 1.0},
            "within": {"low": -0.08, "high": -0.02},
        },
    }
]


def views(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"poses": POSES, "views": list(rows), "view_set": SET, **more}


def printed(figures: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> dict[str, list[str]]:
    """The cells of each row, by its first cell."""
    return {cells[0]: cells[1:] for table in tables(figures, capsys) for cells in table}


def tables(figures: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> list[list[list[str]]]:
    """Tables of rows of cells, below their headings; what stands on two lines is joined."""
    print_tables(tables_of(figures))
    found: list[list[list[str]]] = []
    for line in capsys.readouterr().out.splitlines():
        if line.startswith("┡"):
            found.append([])
        if not line.startswith("│"):
            continue
        cells = [cell.strip() for cell in line.split("│")[1:-1]]
        if cells[0] or not found[-1]:
            found[-1].append(cells)
        else:
            found[-1][-1] = [f"{a} {b}".strip() for a, b in zip(found[-1][-1], cells, strict=True)]
    return found


def test_poses_stand_beside_the_baselines(capsys: pytest.CaptureFixture[str]) -> None:
    rows = printed({"poses": POSES, "views": []}, capsys)
    assert rows["number"] == ["24 (24 poses, as asked for)"]
    assert rows["ring score ↑"] == ["0.875"] and rows["left for right ↓"] == ["0.007"]
    assert rows["its pose's"] == ["3.25", "9.50", "1.25", "0.812"]
    assert rows["its own"] == ["2.75", "9.50", "1.25", "–"]  # an azimuth is no cluster
    assert rows["random"] == ["82.60", "9.50", "1.25", "–"]
    assert rows["0.50"] == ["0.75", "6.5", "48"]
    assert "mask IoU ↑" not in rows and "soft" not in rows
    errors = tables_of({"poses": POSES, "views": []})[1]
    assert errors.columns[1:4] == ["median, ° ↓", "90th percentile, ° ↓", "beyond 90°, % ↓"]


def test_views_stand_beside_their_intervals_and_every_table_tells_how_far_off_they_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    read = {"second_error": 2.0, "target_pose_accuracy": 0.25, "breathing": 0.05}
    soft = row("soft", **SEEN, **TRUE, **read, fd=12.0, kid=0.002) | COST
    copy = row("copy the reference", **SEEN | {"within": 0.1}, fd=3.0, kid=0.001)
    by_readers, truth, photo, sets, cost = tables(views(soft, copy), capsys)[3:]
    asked = ["4.0 [3.6, 4.4]", "0.500 [0.450, 0.550]"]
    assert by_readers[0] == [
        "soft",
        *asked,
        "2.0 [1.8, 2.2]",
        "0.250 [0.225, 0.275]",
        "0.050 [0.045, 0.055]",
    ]
    assert truth[0] == [
        "soft",
        *asked,
        "20.00 [18.00, 22.00]",
        "0.750 [0.675, 0.825]",
        "0.250 [0.225, 0.275]",
    ]
    assert photo[0] == [
        "soft",
        *asked,
        "0.800 [0.720, 0.880]",
        "0.750 [0.675, 0.825]",
        "0.050 [0.045, 0.055]",
    ]
    assert sets[0] == ["soft", *asked, "12.00 [10.80, 13.20]", "2.00 [1.80, 2.20]"]
    assert [table[1][2] for table in (truth, photo, sets)] == ["0.100 [0.090, 0.110]"] * 3
    assert cost == [["soft", *asked, "0.125", "540", "1200"]]  # a copy costs nothing


def test_a_difference_that_is_surely_one_has_a_star(capsys: pytest.CaptureFixture[str]) -> None:
    *_, found = tables(views(row("soft", **SEEN), differences=DIFFERENCES), capsys)
    assert found == [
        [
            "hard − soft",
            "-0.050 * [-0.080, -0.020]",
            "+0.25 * [+0.12, +0.38]",
            "-2.00 [-5.00, +1.00]",
        ]
    ]


def test_the_tables_name_the_backbone_and_what_they_compare_with() -> None:
    _, sets = view_tables(views(row("soft", **SEEN, fd=1.0)))
    assert sets.columns[3].startswith("FD-effnet_lite") and "99 held-out photos" in sets.note


def test_photos_without_truth_get_no_errors(capsys: pytest.CaptureFixture[str]) -> None:
    known = {name: POSES[name] for name in ("num_poses", "count", "ring_score")}
    found = tables(views(row("soft", **SEEN)) | {"poses": known}, capsys)
    assert [[cells[0] for cells in table] for table in found] == [
        ["number", "ring score ↑"],
        ["soft"],
    ]
    assert len(found[1][0]) == 6  # against the photo, since there is no truth


def test_one_object_is_shown_without_an_interval(capsys: pytest.CaptureFixture[str]) -> None:
    alone = {"mode": "none", **SEEN, "intervals": {}}
    assert tables(views(alone), capsys)[-1] == [["none", "4.0", "0.500", "0.800", "0.750", "0.050"]]
