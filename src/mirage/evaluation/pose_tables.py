"""What was measured of poses, as tables."""

from __future__ import annotations

from typing import Any

from mirage.drawing.tables import Cell, Table, metric_table
from mirage.metrics.registry import (
    AZIMUTHS,
    BEYOND_30,
    BEYOND_90,
    HOMOGENEITY,
    LEAD,
    POSES,
    RELIABILITY,
    RING_SCORE,
)

_AS_FOUND = {
    "error": "as found",
    "held_out": "as found, of held-out photos",
    "retimed": "re-timed by the truth",
}


def pose_tables(poses: dict[str, Any]) -> list[Table]:
    """All tables of the figures `poses.*`."""
    why = f" ({poses['count']['why']})" if "count" in poses else ""
    facts = [["number", f"{poses['num_poses']}{why}"]]
    facts += [[m.heading, m.show(poses[m.name])] for m in (RING_SCORE, *POSES) if m.name in poses]
    return [
        Table("Poses", ["", "value"], facts),
        *_compared(poses),
        *_reliability("Reliability", poses),
        *_truth_tables(poses.get("truth")),
    ]


def _compared(poses: dict[str, Any]) -> list[Table]:
    """Poses, photos' own azimuths and simpler ways to find poses, against the truth."""
    if "pose_azimuth_error" not in poses:
        return []
    known = {HOMOGENEITY.name: poses.get(HOMOGENEITY.name)}  # of clusters, which azimuths are not
    rows = [
        (("its pose's",), poses["pose_azimuth_error"] | known),
        (("its own",), poses.get("image_azimuth_error", {})),
        *(((baseline["name"],), baseline) for baseline in poses.get("baselines", ())),
    ]
    note = "Against the truth, once the ring's free offset and direction are chosen."
    return metric_table("Error of a photo's azimuth", (*AZIMUTHS, HOMOGENEITY), rows, note)


def _reliability(title: str, figures: dict[str, Any]) -> list[Table]:
    rows = [((), part) for part in figures.get("reliability", ())]
    return metric_table(title, RELIABILITY, rows, named=())


def _truth_tables(truth: dict[str, Any] | None) -> list[Table]:
    """The run's own photos against a table of their azimuths."""
    if truth is None:
        return []
    rows = [((words,), truth[name]) for name, words in _AS_FOUND.items() if name in truth]
    sure = truth["sure"]
    note = f"Of {truth['photos']} photos, once the ring's free offset and direction are chosen. "
    if sure["beyond_90"] is not None:
        note += (
            f"{sure['share']:.1%} have a confidence of at least 0.5; "
            f"{BEYOND_90.show(sure['beyond_90'])}% of those are beyond 90°. "
        )
    note += "The last row is the best monotone re-timing: what is left of it is reading."
    timing: list[tuple[list[Cell], dict[str, Any]]] = [
        ([f"{part['from']:.0f}–{part['to']:.0f}°", part["photos"]], part)
        for part in truth["timing"]
    ]
    by_elevation = [
        ((f"{part['from']:.0f} to {part['to']:.0f}°",), part)
        for part in truth.get("by_elevation", ())
    ]
    return [
        *metric_table("Azimuths against the table's", AZIMUTHS, rows, note),
        *metric_table(
            "Timing of the circle",
            (LEAD, BEYOND_30),
            timing,
            "Medians, of the photos that are found within 90°.",
            named=("true azimuth", "photos"),
        ),
        *_reliability("Reliability on the table's photos", truth),
        *metric_table("Azimuth errors by elevation", AZIMUTHS, by_elevation, named=("elevation",)),
    ]
