"""What was measured of poses, as tables."""

from __future__ import annotations

from typing import Any

from mirage.drawing.tables import Cell, Table

_FIGURES = ("ring_score", "mask_iou", "nmi", "purity", "homogeneity", "left_right", "front_rear",
            "false_outliers", "outliers_found")  # fmt: skip
_COMPARED = ("median_deg", "p90_deg", "beyond_90", "homogeneity")


def pose_tables(poses: dict[str, Any]) -> list[Table]:
    """All tables of the figures `poses.*`."""
    facts = [["number", f"{poses['num_poses']} ({poses['count']['why']})"]]
    facts += [[name, f"{poses[name]:.3f}"] for name in _FIGURES if name in poses]
    plain = Table("Poses on photos that no stage has seen", ["poses", "value"], facts)
    if "pose_azimuth_error" not in poses:
        return [plain, *truth_tables(poses.get("truth"))]

    def row(name: str, figures: dict[str, float]) -> list[str | None]:
        return [name, *(f"{figures[c]:.3g}" if c in figures else None for c in _COMPARED)]

    compared = [
        row("its pose's", poses["pose_azimuth_error"] | {"homogeneity": poses["homogeneity"]}),
        row("its own", poses["image_azimuth_error"]),
        *(row(baseline["name"], baseline) for baseline in poses.get("baselines", ())),
    ]
    return [
        plain,
        Table("Error of a photo's azimuth, degrees", ["", *_COMPARED], compared),
        _reliability("Reliability", poses["reliability"]),
        *truth_tables(poses.get("truth")),
    ]


def _reliability(title: str, groups: list[dict[str, float]]) -> Table:
    rows = [
        [f"{part['confidence']:.2f}", f"{part['accuracy']:.2f}", f"{part['median_error']:.1f}°",
         str(part["count"])]
        for part in groups
    ]  # fmt: skip
    return Table(title, ["confidence", "accuracy (≤ 15°)", "median error", "photos"], rows)


_ERRORS = {"mean_deg": "mean", "median_deg": "median", "p90_deg": "90th percentile",
           "beyond_15": "beyond 15°", "beyond_30": "beyond 30°",
           "beyond_90": "beyond 90°"}  # fmt: skip
_AS_FOUND = {
    "error": "as found",
    "held_out": "as found, of held-out photos",
    "retimed": "re-timed by the truth",
}


def truth_tables(truth: dict[str, Any] | None) -> list[Table]:
    """The run's own photos against a table of their azimuths."""
    if truth is None:
        return []
    columns = ["", *_ERRORS.values()]
    rows = [
        [words, *(_with_ends(truth[name], key) for key in _ERRORS)]
        for name, words in _AS_FOUND.items()
        if name in truth
    ]
    sure = truth["sure"]
    note = f"Of {truth['photos']} photos, once the ring's free offset and direction are chosen. "
    if sure["beyond_90"] is not None:
        note += (
            f"{sure['share']:.1%} have a confidence of at least 0.5; {sure['beyond_90']:.2%} of "
            "those are beyond 90°. "
        )
    note += "The last row is the best monotone re-timing: what is left of it is reading."
    timing: list[list[Cell]] = [
        [f"{bin['from']:.0f}–{bin['to']:.0f}°", bin["photos"],
         None if bin["lead_deg"] is None else f"{bin['lead_deg']:+.1f}°",
         None if bin["beyond_30"] is None else f"{bin['beyond_30']:.1%}"]
        for bin in truth["timing"]
    ]  # fmt: skip
    tables = [
        Table("Azimuths against the table's, degrees", columns, rows, note),
        Table(
            "Timing of the circle", ["true azimuth", "photos", "found − true", "beyond 30°"],
            timing, "Medians, of the photos that are found within 90°.",
        ),
        _reliability("Reliability on the table's photos", truth["reliability"]),
    ]  # fmt: skip
    if "by_elevation" in truth:
        rows = [
            [f"{part['from']:.0f} to {part['to']:.0f}°", *(part[key] for key in _ERRORS)]
            for part in truth["by_elevation"]
        ]
        tables.append(Table("Azimuth errors by elevation", ["elevation", *columns[1:]], rows))
    return tables


def _with_ends(figures: dict[str, Any], key: str) -> str:
    """A figure and its interval; shares in percent."""
    ends = figures["intervals"][key]
    values = (figures[key], ends["low"], ends["high"])
    if key.startswith("beyond"):
        return "{:.1%} [{:.1%}, {:.1%}]".format(*values)
    return "{:.1f} [{:.1f}, {:.1f}]".format(*values)
