"""The pose page: what there is, in order, and nothing that there is not."""

from pathlib import Path

from PIL import Image

from mirage.diagnostics.pose_panels import pose_files, pose_panels

RELIABILITY = [
    {"confidence": 0.1 * i, "accuracy": 0.1 * i, "median_error": 9.0 - i, "count": 12}
    for i in range(1, 4)
]


def make(folder: Path, *names: str) -> None:
    for name in names:
        Image.new("RGB", (30, 20), "white").save(folder / f"{name}.png")


def test_pictures_come_in_reading_order_whenever_they_were_made(tmp_path: Path) -> None:
    make(tmp_path, "doubts", "pairs", "ring")
    assert [path.stem for path in pose_files(tmp_path)] == ["ring", "pairs", "doubts"]
    assert [panel.title for panel in pose_panels(tmp_path)] == [
        "The ring",
        "Mirror poses",
        "Doubtful photos",
    ]


def test_a_missing_or_foreign_picture_leaves_no_panel(tmp_path: Path) -> None:
    assert pose_panels(tmp_path) == []
    make(tmp_path, "holiday", ".ring.123")
    assert pose_panels(tmp_path) == []


def test_reliability_stands_among_them_once_it_was_measured(tmp_path: Path) -> None:
    make(tmp_path, "sizes", "doubts")
    titles = [panel.title for panel in pose_panels(tmp_path, RELIABILITY)]
    assert titles == ["Photos a pose", "What confidence is worth", "Doubtful photos"]
