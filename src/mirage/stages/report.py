"""report: what the other stages left → one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from callbacks.history import read_history
from mirage.config import Config
from mirage.contracts import ByteArray
from mirage.errors import MirageError
from mirage.experiment import config_text
from mirage.ranks import find_ranks
from mirage.report.curves import training_curve
from mirage.report.page import OrbitView, ReportPage, write_page
from mirage.report.ring import FULL_CIRCLE, arc_of
from mirage.report.tables import Table
from mirage.stages.evaluate import FIGURES
from mirage.stages.folder import RunFolder, read_json
from mirage.stages.measure.view_tables import view_tables
from mirage.stages.show.pose_panels import pose_panels
from mirage.stages.views import read_orbit


def run(config: Config, folder: RunFolder) -> str:
    """Write the page; returns the closing line with the main figures."""
    folder.key("poses")
    summary = read_json(folder["poses"] / "summary.json")
    figures = _figures(folder)
    measured = figures["poses"] if figures is not None else {}
    path = folder["report"] / "index.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    page = ReportPage(
        title=f"MIRAGE · {folder.root.name}",
        summary=_summary(summary),
        orbits=_orbits(folder),
        poses=pose_panels(folder["poses"], measured.get("reliability", ())),
        curve=_curve(folder["train"] / "metrics.csv"),
        tables=_tables(figures),
        config_text=config_text(config),
    )
    if find_ranks().is_first:
        write_page(path, page)
    return f"report: {path}{_headline(figures)}"


def _figures(folder: RunFolder) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = read_json(folder["evaluate"] / FIGURES)
    except MirageError:
        return None
    return found


def _summary(summary: dict[str, Any]) -> str:
    _, covered = arc_of(tuple(summary.get("span", FULL_CIRCLE)))
    if not summary["circle_found"]:
        found = "no full circle, but"
    elif covered < 360:
        found = f"an arc of {covered:.0f}° with"
    else:
        found = "a circle of"
    text = (
        f"{summary['num_images']} unposed photos; {found} {summary['num_poses']} poses found in "
        f"them, ring score {summary['ring_score']:.2f}, mean confidence "
        f"{summary['mean_confidence']:.2f}"
    )
    if "outliers" in summary:
        text += f"; {summary['outliers']} outliers"
    return text + "."


def _orbits(folder: RunFolder) -> list[OrbitView]:
    views = []
    for facts_path in sorted(folder["views"].glob("*/views.json")):
        facts = read_json(facts_path)
        orbit = read_orbit(facts_path.parent)
        hits = np.mean([v["pose_asked"] == v["pose_found"] for v in facts["views"]])
        scores = {
            "views re-read as the pose asked for": f"{hits:.0%}",
            "confidence in the photo's pose": f"{facts['reference_confidence']:.2f}",
        }
        frames: dict[str, ByteArray] = {facts["mode"]: orbit.frames}
        name = "/".join(Path(facts["reference"]).parts[-2:])  # file names alone often repeat
        views.append(OrbitView(name, orbit, frames, {facts["mode"]: scores}))
    return views


def _curve(path: Path) -> Image.Image | None:
    rows = read_history(path)
    train = [(float(r["step"]), float(r["train_loss"])) for r in rows if r["train_loss"]]
    held = [(float(r["step"]), float(r["val_loss"])) for r in rows if r["val_loss"]]
    if not train:
        return None
    steps, losses = zip(*train, strict=True)
    validation = tuple(zip(*held, strict=True)) if held else None
    return training_curve(steps, losses, validation)  # type: ignore[arg-type]


def _tables(figures: dict[str, Any] | None) -> list[Table]:
    if figures is None:
        return []
    poses = figures["poses"]
    rows: list[list[str | float | None]] = [
        [name, round(poses[name], 3)]
        for name in ("nmi", "purity", "homogeneity", "ring_score")
        if name in poses
    ]
    for name in ("image_azimuth_error", "pose_azimuth_error"):
        rows += [[f"{name} {k}", round(v, 3)] for k, v in poses.get(name, {}).items()]
    tables = [Table("Poses", ["figure", "value"], rows)]
    if poses.get("baselines"):
        tables.append(_baselines(poses))
    return tables + view_tables(figures)


_ERRORS = ("median_deg", "p90_deg", "beyond_90")


def _baselines(poses: dict[str, Any]) -> Table:
    """Azimuth errors of the poses beside simpler ways to find them."""
    own = {"name": "this run"} | poses.get("pose_azimuth_error", {})
    own["homogeneity"] = poses.get("homogeneity")
    names = ("name", *_ERRORS, "homogeneity")
    rows = [[row.get(name) for name in names] for row in (own, *poses["baselines"])]
    return Table(
        "Poses and simpler ways to find them",
        ("", "median error", "90th percentile", "beyond 90°", "homogeneity"),
        rows,
        "Each photo at the azimuth of its pose, against the truth; errors in degrees, and the "
        "share of photos more than 90° off.",
    )


def _headline(figures: dict[str, Any] | None) -> str:
    if figures is None:
        return ""
    parts = []
    error = figures["poses"].get("image_azimuth_error")
    if error:
        parts.append(f"azimuth error {error['median_deg']:.1f}° (median)")
    for row in figures["views"]:
        if "psnr" in row:
            parts.append(f"{row['mode']} {row['psnr']:.1f} dB")
    return " · " + " · ".join(parts) if parts else ""
