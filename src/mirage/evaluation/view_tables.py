"""The figures of views as tables, for the console and the report.

A copy of the reference wins every figure of likeness to it, and is as real as any photo; so how
far a view is from the azimuth asked for stands in every table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mirage.drawing.tables import Table


@dataclass(frozen=True)
class Column:
    """One figure of a row: its name in figures.json and how it is shown.

    Attributes:
        heading: with an arrow towards the better.
        digits: after the point.
        factor: shown is so many times the figure.
    """

    name: str
    heading: str
    digits: int = 3
    factor: float = 1.0


ERROR = Column("azimuth_error", "azimuth error, ° ↓", 1)
WITHIN = Column("within", "within 15° ↑")
PSNR = Column("psnr", "PSNR, dB ↑", 2)
FEATURES = Column("feature_distance", "feature distance ↓")
COLOUR = Column("colour_distance", "colour distance ↓")
KID = Column("kid", "KID × 1000 ↓", 2, 1000.0)

_TRUTH = (
    PSNR,
    Column("ssim", "SSIM ↑"),
    FEATURES,
)
_READ = (
    Column("second_error", "error by the second reader, ° ↓", 1),
    Column("second_within", "within 15° by it ↑"),
    Column("target_pose_accuracy", "pose accuracy ↑"), Column("breathing", "breathing ↓"),
)  # fmt: skip
_REFERENCE = (
    Column("to_reference", "to reference ↑"),
    Column("adjacent", "adjacent ↑"), COLOUR,
)  # fmt: skip
_COST = (
    Column("seconds_a_view", "seconds a view"), Column("forwards", "forwards an object", 0),
    Column("peak_memory_mib", "peak MiB", 0),
)  # fmt: skip

_TRUTH_NOTE = (
    "Against the true render of the same object at the azimuth asked for. Feature distance: mean "
    "squared difference of the backbone's unit patch features (as LPIPS, without its weights)."
)
_REFERENCE_NOTE = (
    "Cosine of pooled backbone features to the photo and to the next view, and distance of colours "
    "to the photo: copying wins all three, so read them beside the pose."
)
_DIFFERENCE_NOTE = "First less second, object by object. * where the interval leaves out 0."
_INTERVAL_NOTE = "In brackets: 95% intervals over objects."


def view_tables(figures: dict[str, Any]) -> list[Table]:
    """Views against truth, reference and held-out photos, and mode against mode.

    Args:
        figures: what `measure_views` gave; a table that nothing was measured for is left out.
    """
    rows = figures.get("views", [])
    measured = figures.get("view_set", {})
    distance = Column("fd", f"FD-{measured.get('backbone', 'backbone')} ↓", 2)
    held_out = (
        f"Distance of all views from {measured.get('heldout_images', 0)} held-out photos of other "
        "objects, in pooled backbone features: not the FID and KID of Inception features. "
        f"Comparable within this table alone.{_halves_note(measured)}"
    )
    cost_note = (
        "Forwards: passes of a picture through the network, for all views of an object. Peak: of "
        "the GPU, or of the whole process on a CPU, with up to eight objects turned at once."
    )
    named = [(row["mode"], row) for row in rows]
    pairs = [(f"{row['of']} − {row['minus']}", row) for row in figures.get("differences", [])]
    true = named if any("psnr" in row for row in rows) else []
    tables = [
        _table("Views as they are read", named, _READ, f"{_read_note(measured)} {_INTERVAL_NOTE}"),
        _table("Views against the truth", true, _TRUTH, f"{_TRUTH_NOTE} {_INTERVAL_NOTE}"),
        _table("Views against the photo", named, _REFERENCE, f"{_REFERENCE_NOTE} {_INTERVAL_NOTE}"),
        _table("Views as a set", named, (distance, KID), f"{held_out} {_INTERVAL_NOTE}"),
        _table("What views cost", [n for n in named if "forwards" in n[1]], _COST,
               f"{cost_note} {_INTERVAL_NOTE}"),
        _table(
            "Differences", pairs, (PSNR, FEATURES, COLOUR, distance),
            f"{_DIFFERENCE_NOTE} {_INTERVAL_NOTE}", signed=True,
        ),
    ]  # fmt: skip
    return [table for table in tables if table is not None]


def _read_note(measured: dict[str, Any]) -> str:
    note = (
        "Azimuth error: median, as the bank reads the views, which also made the labels. "
        "Breathing: deviation of the object's height over its views, over its mean."
    )
    error = measured.get("second_reader_error")
    if error is None:
        return note
    return f"{note} The second reader, of pixels, misses labels of held-out photos by {error:.1f}°."


def _halves_note(measured: dict[str, Any]) -> str:
    halves = measured.get("heldout_halves")
    if not halves:
        return ""
    return (
        f" One half of those photos from the other: FD {halves['fd']:.2f}, KID × 1000 "
        f"{1000 * halves['kid']:.2f}."
    )


def _table(
    title: str,
    rows: Sequence[tuple[str, dict[str, Any]]],
    columns: Sequence[Column],
    note: str,
    signed: bool = False,
) -> Table | None:
    known = [column for column in columns if any(column.name in row for _, row in rows)]
    if not known:
        return None
    known = [ERROR, WITHIN, *known] if not signed else [WITHIN, *known]
    cells = [[name, *(_cell(row, column, signed) for column in known)] for name, row in rows]
    return Table(title, ["", *(column.heading for column in known)], cells, note)


def _cell(row: dict[str, Any], column: Column, signed: bool) -> str | None:
    """The figure, and below it its interval; a star where a difference is surely one."""
    if row.get(column.name) is None:
        return None
    form = f"{'+' if signed else ''}.{column.digits}f"
    value = f"{column.factor * row[column.name]:{form}}"
    ends = row.get("intervals", {}).get(column.name)
    if ends is None:
        return value
    low, high = ends["low"], ends["high"]
    star = " *" if signed and (low > 0 or high < 0) else ""
    return f"{value}{star}\n[{column.factor * low:{form}}, {column.factor * high:{form}}]"
