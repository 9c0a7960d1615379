"""The figures of views as tables, for the console and the report.

A copy of the reference wins every figure of likeness to it, and is as real as any photo; so how
far a view is from the azimuth asked for stands in every table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mirage.drawing.tables import Table, metric_table
from mirage.metrics.registry import (
    ASKED,
    COST,
    FD,
    FEATURE_DISTANCE,
    READ,
    REFERENCE,
    SETS,
    TRUTH,
    WITHIN,
    Metric,
)

_INTERVALS = "In brackets: 95% intervals over objects."
_TRUTH_NOTE = (
    "Against the true render of the same object at the azimuth asked for. Feature distance: "
    f"{FEATURE_DISTANCE.meaning}."
)
_REFERENCE_NOTE = (
    "Cosine of pooled backbone features to the photo and to the next view, and distance of colours "
    "to the photo: copying wins all three, so read them beside the pose."
)
_QUARTERS_NOTE = (
    "By quarters of the ring. About 0° and 180° are the two ends that look like their own mirror "
    "image: of a car, front and rear."
)
_COST_NOTE = (
    "Forwards: passes of a picture through the network, for all views of an object. Peak: of the "
    "GPU, or of the whole process on a CPU, with up to eight objects turned at once."
)
_DIFFERENCE_NOTE = (
    f"First less second, object by object. * where the interval leaves out 0. {_INTERVALS}"
)


def view_tables(figures: dict[str, Any]) -> list[Table]:
    """Views against truth, reference and held-out photos, and mode against mode.

    Args:
        figures: what `measure_views` gave; a table that nothing was measured for is left out.
    """
    measured = figures.get("view_set", {})
    distance = replace(FD, label=f"FD-{measured.get('backbone', 'backbone')}")
    sets = [distance if metric is FD else metric for metric in SETS]
    compared = [metric for metric in (*TRUTH, *REFERENCE, *sets) if metric.main]
    rows = [((row["mode"],), row) for row in figures.get("views", [])]
    pairs = [((f"{row['of']} − {row['minus']}",), row) for row in figures.get("differences", [])]

    quarters = [((row["mode"], f"{row['about']:.0f}°"), row) for row in figures.get("quarters", [])]

    def table(title: str, metrics: Sequence[Metric], note: str) -> list[Table]:
        # What needs no model costs nothing.
        shown = [row for row in rows if metrics is not COST or COST[0].name in row[1]]
        return metric_table(title, metrics, shown, f"{note} {_INTERVALS}", beside=ASKED)

    return [
        *table("Views as they are read", READ, _read_note(measured)),
        *metric_table(
            "Views by the azimuth asked for",
            (*ASKED, *READ),
            quarters,
            _QUARTERS_NOTE,
            named=("", "about"),
        ),
        *table("Views against the truth", TRUTH, _TRUTH_NOTE),
        *table("Views against the photo", REFERENCE, _REFERENCE_NOTE),
        *table("Views as a set", sets, _sets_note(measured)),
        *table("What views cost", COST, _COST_NOTE),
        *metric_table(
            "Differences", compared, pairs, _DIFFERENCE_NOTE, beside=(WITHIN,), signed=True
        ),
    ]


def _read_note(measured: dict[str, Any]) -> str:
    note = (
        "Azimuth error: median, as the bank reads the views, which also made the labels. "
        "Breathing: deviation of the object's height over its views, over its mean."
    )
    if (error := measured.get("second_reader_error")) is not None:
        note += f" The second reader, of pixels, misses labels of held-out photos by {error:.1f}°."
    return note


def _sets_note(measured: dict[str, Any]) -> str:
    note = (
        f"Distance of all views from {measured.get('heldout_images', 0)} held-out photos of other "
        "objects, in pooled backbone features: not the FID and KID of Inception features. "
        "Comparable within this table alone."
    )
    if halves := measured.get("heldout_halves"):
        apart = ", ".join(f"{m.label} {m.show(halves[m.name])}" for m in SETS if m.name in halves)
        note += f" One half of those photos from the other: {apart}."
    return note
