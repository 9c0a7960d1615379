"""evaluate: how good the poses and the views are, against the truth where it is known.

The truth is a turntable's: fresh objects that no stage of the run has seen, rendered here. Photos
have no truth; for them the held-out ones are turned, and what needs the truth is left out.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from callbacks.tracking import log_evaluation
from mirage.circle import RingAlignment, circular_distance
from mirage.config import Config
from mirage.contracts import ByteArray, FloatArray
from mirage.images.progress import show_progress
from mirage.report import metrics
from mirage.sampler.orbit import nearest_pose, ring_azimuths
from mirage.stages.folder import RunFolder, hash_of, read_json, save_picture, write_json
from mirage.stages.pose_figures import fresh_photo, fresh_specs, measure_poses
from mirage.stages.pose_panels import draw_reliability
from mirage.stages.poses import SUMMARY_FILE
from mirage.stages.views import Reference, Turner, find_references, turn, with_mode

FIGURES, RELIABILITY = "figures.json", "reliability.png"


@dataclass(frozen=True)
class Case:
    """One object to turn, with the truth where it is known.

    Attributes:
        truth: [V, H, W, 3] uint8, the true renders at the azimuths asked for, or None.
    """

    reference: Reference
    truth: ByteArray | None


def run(config: Config, folder: RunFolder) -> str:
    """Measure unless it is measured; prints the tables and returns the closing line.

    Poses are measured as soon as there are poses, views where a model is trained too.
    """
    has_model = folder.is_done("model")
    key = hash_of(
        "evaluate", folder.key("model") if has_model else folder.key("poses"), config.views,
        config.evaluate.seed, config.evaluate.objects, config.evaluate.photos,
        config.evaluate.baselines, config.evaluate.views, config.evaluate.modes,
    )  # fmt: skip
    path = folder["evaluate"] / FIGURES
    if not folder.is_done("evaluate", key):
        folder.reopen("evaluate")
        figures = _measure(config, folder, has_model)
        write_json(path, figures)
        _show(config, folder, figures)
        folder.finish("evaluate", key)
    figures = read_json(path)
    if config.evaluate.json is not None:
        write_json(Path(config.evaluate.json), figures)
    print_figures(figures)
    without = "" if has_model else " (no views: train a model first)"
    return f"evaluate: poses, {len(figures['views'])} rows of views{without} → {path}"


def _show(config: Config, folder: RunFolder, figures: dict[str, Any]) -> None:
    """The plot of the reliability; it and the figures also in the W&B run, if one was trained."""
    pictures = []
    if figures["poses"].get("reliability"):
        pictures.append(folder["evaluate"] / RELIABILITY)
        save_picture(pictures[0], draw_reliability(figures["poses"]["reliability"]))
    record = folder["train"] / "wandb"
    if record.exists():
        views = {row["mode"]: row for row in figures["views"]}
        log_evaluation(
            record, folder.root.name, asdict(config), figures["poses"] | {"views": views}, pictures
        )


def _measure(config: Config, folder: RunFolder, has_model: bool) -> dict[str, Any]:
    poses, alignment = measure_poses(config, folder)
    poses = read_json(folder["poses"] / SUMMARY_FILE) | poses
    if not has_model:
        return {"poses": poses, "views": []}
    turner = Turner.open(folder["model"])
    azimuths = ring_azimuths(turner.bank.ring, config.evaluate.views)
    if alignment is not None:
        cases = _turntable_cases(config, turner, alignment, azimuths)
    else:
        cases = [Case(r, None) for r in find_references(config, folder, turner)]
    return {"poses": poses, "views": _measure_views(config, turner, cases, azimuths)}


def _turntable_cases(
    config: Config, turner: Turner, alignment: RingAlignment, azimuths: FloatArray
) -> list[Case]:
    rng = np.random.default_rng([config.evaluate.seed, 2])
    low, high = config.images.turntable.azimuths
    cases = []
    size = turner.denoiser.resolution
    for spec in fresh_specs(config):
        azimuth = float(rng.uniform(low, high)) % 360.0
        labels = turner.read_poses(fresh_photo(config, spec, azimuth, turner.backbone.size)[None])
        reference = Reference(
            spec.object_id, spec.object_id, fresh_photo(config, spec, azimuth, size),
            int(labels.pose[0]), float(labels.azimuth[0]), float(labels.confidence[0]),
        )  # fmt: skip
        true = alignment.carry(azimuths)
        truth = np.stack([fresh_photo(config, spec, float(a), size) for a in true])
        cases.append(Case(reference, truth))
    return cases


def _measure_views(
    config: Config, turner: Turner, cases: list[Case], azimuths: FloatArray
) -> list[dict[str, Any]]:
    """One row a mode, with the copy of the reference as a floor and the truth as a ceiling."""
    rows = []
    for mode in config.evaluate.modes:
        settings = with_mode(config, mode)
        frames = [
            turn(turner, case.reference, azimuths, settings).frames
            for case in show_progress(cases, f"evaluate {mode}", len(cases))
        ]
        rows.append(_row(mode, turner, cases, frames, azimuths))
    copies = [np.repeat(c.reference.photo[None], len(azimuths), axis=0) for c in cases]
    rows.append(_row("copy the reference", turner, cases, copies, azimuths))
    truths = [case.truth for case in cases if case.truth is not None]
    if len(truths) == len(cases):
        rows.append(_row("true renders", turner, cases, truths, azimuths))
    return rows


def _row(
    mode: str, turner: Turner, cases: list[Case], frames: list[ByteArray], azimuths: FloatArray
) -> dict[str, Any]:
    asked = nearest_pose(turner.bank.ring, azimuths)
    found = [turner.read_poses(f) for f in frames]
    gap = np.concatenate([circular_distance(p.azimuth, azimuths) for p in found])
    colour = [
        metrics.colour_distance(c.reference.photo, f).mean()
        for c, f in zip(cases, frames, strict=True)
    ]
    row = {
        "mode": mode,
        "target_pose_accuracy": float(np.mean([p.pose == asked for p in found])),
        "azimuth_error": float(np.median(gap)),
        "colour_distance": float(np.mean(colour)),
    }
    if all(case.truth is not None for case in cases) and mode != "true renders":
        pairs = [(f, c.truth) for c, f in zip(cases, frames, strict=True) if c.truth is not None]
        row |= {
            "psnr": float(np.mean([metrics.psnr(f, t).mean() for f, t in pairs])),
            "ssim": float(np.mean([metrics.ssim(f, t).mean() for f, t in pairs])),
        }
    return row


VIEW_COLUMNS = ("mode", "psnr", "ssim", "target_pose_accuracy", "azimuth_error", "colour_distance")


def print_figures(figures: dict[str, Any]) -> None:
    """The figures as tables, to standard output."""
    console = Console(width=110)
    console.print(*_pose_tables(figures["poses"]), sep="\n")
    if not figures["views"]:
        return
    views = Table(*VIEW_COLUMNS, title="Views")
    for row in figures["views"]:
        cells = [row.get(name) for name in VIEW_COLUMNS]
        views.add_row(
            *("–" if c is None else c if isinstance(c, str) else f"{c:.3f}" for c in cells)
        )
    console.print(views)


_FIGURES = ("ring_score", "mask_iou", "nmi", "purity", "homogeneity", "left_right", "front_rear",
            "false_outliers", "outliers_found")  # fmt: skip
_COMPARED = ("median_deg", "p90_deg", "beyond_90", "homogeneity")


def _pose_tables(poses: dict[str, Any]) -> list[Table]:
    plain = Table("poses", "value", title="Poses on photos that no stage has seen")
    plain.add_row("number", f"{poses['num_poses']} ({poses['count']['why']})")
    for name in _FIGURES:
        if name in poses:
            plain.add_row(name, f"{poses[name]:.3f}")
    if "pose_azimuth_error" not in poses:
        return [plain]
    compared = Table("", *_COMPARED, title="Error of a photo's azimuth, degrees")

    def row(name: str, figures: dict[str, float]) -> None:
        cells = [figures.get(column) for column in _COMPARED]
        compared.add_row(name, *("–" if c is None else f"{c:.3g}" for c in cells))

    row("its pose's", poses["pose_azimuth_error"] | {"homogeneity": poses["homogeneity"]})
    row("its own", poses["image_azimuth_error"])
    for baseline in poses.get("baselines", ()):
        row(baseline["name"], baseline)
    sure = Table("confidence", "accuracy (≤ 15°)", "median error", "photos", title="Reliability")
    for part in poses["reliability"]:
        sure.add_row(
            f"{part['confidence']:.2f}", f"{part['accuracy']:.2f}",
            f"{part['median_error']:.1f}°", str(part["count"]),
        )  # fmt: skip
    return [plain, compared, sure]
