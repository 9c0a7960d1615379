"""evaluate: how good the poses and the views are, against the truth where it is known.

The truth is a turntable's: fresh objects that no stage of the run has seen, rendered here. Photos
have no truth; for them the held-out ones are turned, and what needs the truth is left out.
"""

from __future__ import annotations

import shutil
from dataclasses import asdict
from itertools import combinations
from pathlib import Path
from typing import Any

from mirage.config import Config
from mirage.files import replacing
from mirage.ranks import join_ranks
from mirage.report.tables import Table, print_tables, to_markdown
from mirage.sampler.targets import pose_azimuths
from mirage.stages.folder import (
    SUMMARY_FILE,
    RunFolder,
    hash_of,
    read_json,
    save_picture,
    write_json,
)
from mirage.stages.measure.pose_figures import measure_poses
from mirage.stages.measure.view_cases import view_cases
from mirage.stages.measure.view_figures import COPY, NEAREST, measure_views
from mirage.stages.measure.view_tables import view_tables
from mirage.stages.measure.view_turns import measure_turns, turn_tables
from mirage.stages.record import record_evaluation
from mirage.stages.show.pose_panels import draw_reliability
from mirage.stages.turn.turner import Turner
from mirage.stages.turn.turning import with_mode

FIGURES, TABLES, RELIABILITY, TURNED = "figures.json", "tables.md", "reliability.png", "turned"

_VERSION = 2  # raised when what is measured changes, so that a run is measured anew


def run(config: Config, folder: RunFolder) -> str:
    """Measure unless it is measured; prints the tables and returns the closing line.

    Poses are measured as soon as there are poses, views where a model is trained too.
    """
    has_model = folder.is_done("model")
    key = hash_of(
        "evaluate", _VERSION, folder.key("model") if has_model else folder.key("poses"),
        config.views, config.evaluate.seed, config.evaluate.objects, config.evaluate.photos,
        config.evaluate.baselines, config.evaluate.views, config.evaluate.modes,
        config.evaluate.turn,
    )  # fmt: skip
    path = folder["evaluate"] / FIGURES
    ranks = join_ranks()

    def measure() -> None:
        if ranks.is_first:
            shutil.rmtree(folder["evaluate"] / TURNED, ignore_errors=True)
        ranks.wait()
        figures = _measure(config, folder, has_model)
        if ranks.is_first:
            write_json(path, figures)
            with replacing(folder["evaluate"] / TABLES) as temporary:
                temporary.write_text("\n".join(map(to_markdown, tables_of(figures))))
            written = [path, folder["evaluate"] / TABLES]
            record_evaluation(config, folder, key, figures, written, _draw(folder, figures))

    folder.make("evaluate", key, ranks, measure)
    figures = read_json(path)
    if ranks.is_first:
        if config.evaluate.json is not None:
            write_json(Path(config.evaluate.json), figures)
        print_tables(tables_of(figures))
    without = "" if has_model else " (no views: train a model first)"
    return f"evaluate: poses, {len(figures['views'])} rows of views{without} → {path}"


def _draw(folder: RunFolder, figures: dict[str, Any]) -> list[Path]:
    """The plot of the reliability, where that was measured."""
    reliability = figures["poses"].get("reliability")
    if not reliability:
        return []
    save_picture(folder["evaluate"] / RELIABILITY, draw_reliability(reliability))
    return [folder["evaluate"] / RELIABILITY]


def _measure(config: Config, folder: RunFolder, has_model: bool) -> dict[str, Any]:
    poses, alignment = measure_poses(config, folder)
    poses = read_json(folder["poses"] / SUMMARY_FILE) | poses
    if not has_model:
        return {"poses": poses, "views": []}
    if alignment is not None:
        poses["alignment"] = asdict(alignment)
    turner = Turner.open(folder["model"])
    azimuths = pose_azimuths(turner.bank.ring, config.evaluate.views)
    cases = view_cases(config, folder, turner, azimuths, alignment)
    rows = {mode: with_mode(config, mode) for mode in config.evaluate.modes}
    pairs = list(combinations(rows, 2)) + [(b, mode) for b in (COPY, NEAREST) for mode in rows]
    seed = config.evaluate.seed
    keep = folder["evaluate"] / TURNED
    figures = measure_views(rows, pairs, folder, turner, cases, azimuths, seed, keep)
    if config.evaluate.turn:
        figures["turn"] = measure_turns(config, turner, cases, seed)
    return {"poses": poses} | figures


def tables_of(figures: dict[str, Any]) -> list[Table]:
    """All that was measured, as tables."""
    turns = turn_tables(figures.get("turn"))
    return _pose_tables(figures["poses"]) + view_tables(figures) + turns


_FIGURES = ("ring_score", "mask_iou", "nmi", "purity", "homogeneity", "left_right", "front_rear",
            "false_outliers", "outliers_found")  # fmt: skip
_COMPARED = ("median_deg", "p90_deg", "beyond_90", "homogeneity")


def _pose_tables(poses: dict[str, Any]) -> list[Table]:
    facts = [["number", f"{poses['num_poses']} ({poses['count']['why']})"]]
    facts += [[name, f"{poses[name]:.3f}"] for name in _FIGURES if name in poses]
    plain = Table("Poses on photos that no stage has seen", ["poses", "value"], facts)
    if "pose_azimuth_error" not in poses:
        return [plain]

    def row(name: str, figures: dict[str, float]) -> list[str | None]:
        return [name, *(f"{figures[c]:.3g}" if c in figures else None for c in _COMPARED)]

    compared = [
        row("its pose's", poses["pose_azimuth_error"] | {"homogeneity": poses["homogeneity"]}),
        row("its own", poses["image_azimuth_error"]),
        *(row(baseline["name"], baseline) for baseline in poses.get("baselines", ())),
    ]
    sure = [
        [f"{part['confidence']:.2f}", f"{part['accuracy']:.2f}", f"{part['median_error']:.1f}°",
         str(part["count"])]
        for part in poses["reliability"]
    ]  # fmt: skip
    return [
        plain,
        Table("Error of a photo's azimuth, degrees", ["", *_COMPARED], compared),
        Table("Reliability", ["confidence", "accuracy (≤ 15°)", "median error", "photos"], sure),
    ]
