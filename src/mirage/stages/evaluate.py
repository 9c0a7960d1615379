"""evaluate: how good the poses and the views are, against the truth where it is known.

The truth is a turntable's: fresh objects that no stage of the run has seen, rendered here. Photos
have no truth; for them the held-out ones are turned, and what needs the truth is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from mirage.circle import RingAlignment, align_rings, circular_distance
from mirage.config import Config
from mirage.contracts import ByteArray, FloatArray, IntArray
from mirage.images.decode import to_square
from mirage.images.progress import show_progress
from mirage.images.turntable.objects import ObjectSpec, sample_objects
from mirage.images.turntable.pictures import render
from mirage.report import metrics
from mirage.sampler.orbit import nearest_pose, ring_azimuths
from mirage.stages.folder import RunFolder, hash_of, read_json, write_json
from mirage.stages.views import Reference, Turner, find_references, turn, with_mode

FIGURES = "figures.json"
_TRUE_BINS = 24  # true azimuths are compared with clusters in bins of 15°


@dataclass(frozen=True)
class Case:
    """One object to turn, with the truth where it is known.

    Attributes:
        truth: [V, H, W, 3] uint8, the true renders at the azimuths asked for, or None.
    """

    reference: Reference
    truth: ByteArray | None


def run(config: Config, folder: RunFolder) -> str:
    """Measure unless it is measured; prints the tables and returns the closing line."""
    key = hash_of(
        "evaluate", folder.key("model"), config.views, config.evaluate.seed,
        config.evaluate.objects, config.evaluate.photos, config.evaluate.views,
        config.evaluate.modes,
    )  # fmt: skip
    path = folder["evaluate"] / FIGURES
    if not folder.is_done("evaluate", key):
        folder.reopen("evaluate")
        write_json(path, _measure(config, folder))
        folder.finish("evaluate", key)
    figures = read_json(path)
    if config.evaluate.json is not None:
        write_json(Path(config.evaluate.json), figures)
    print_figures(figures)
    return f"evaluate: {len(figures['views'])} rows → {path}"


def _measure(config: Config, folder: RunFolder) -> dict[str, Any]:
    turner = Turner.open(folder["model"])
    azimuths = ring_azimuths(turner.bank.ring, config.evaluate.views)
    if config.images.source == "turntable":
        poses, alignment = _measure_poses(config, turner)
        cases = _turntable_cases(config, turner, alignment, azimuths)
    else:
        poses, cases = {}, [Case(r, None) for r in find_references(config, folder, turner)]
    poses = read_json(folder["poses"] / "summary.json") | poses
    return {"poses": poses, "views": _measure_views(config, turner, cases, azimuths)}


def _specs(config: Config) -> list[ObjectSpec]:
    turntable, count, seed = config.images.turntable, config.evaluate.objects, config.evaluate.seed
    return sample_objects(turntable.category, count, seed, "evaluate", turntable.variant)


def _render(config: Config, spec: ObjectSpec, azimuth: float, side: int) -> ByteArray:
    """As a photo of the set would reach a network of input `side`."""
    picture = render(spec, azimuth, config.images.turntable.size)
    return to_square(Image.fromarray(picture), side, config.images.fit)


def _measure_poses(config: Config, turner: Turner) -> tuple[dict[str, Any], RingAlignment]:
    """Figures of the poses on fresh renders, and the one free offset and direction of the ring."""
    rng = np.random.default_rng([config.evaluate.seed, 1])
    low, high = config.images.turntable.azimuths
    true: list[float] = []
    poses: list[IntArray] = []
    found: list[FloatArray] = []
    for spec in show_progress(_specs(config), "evaluate poses", config.evaluate.objects):
        azimuths = rng.uniform(low, high, config.evaluate.photos) % 360.0
        photos = np.stack([_render(config, spec, a, turner.backbone.size) for a in azimuths])
        labels = turner.read_poses(photos)
        true += azimuths.tolist()
        poses.append(labels.pose)
        found.append(labels.azimuth)
    truth, pose = np.asarray(true), np.concatenate(poses)
    bins = (truth // (360.0 / _TRUE_BINS)).astype(int)
    alignment = align_rings(np.concatenate(found), truth)
    on_ring = turner.bank.ring.azimuth[pose]
    figures = {
        "fresh_photos": len(truth),
        "nmi": metrics.nmi(pose, bins),
        "purity": metrics.purity(pose, bins),
        "homogeneity": metrics.homogeneity(pose, bins),
        "image_azimuth_error": metrics.azimuth_figures(np.concatenate(found), truth, alignment),
        "pose_azimuth_error": metrics.azimuth_figures(on_ring, truth, alignment),
    }
    return figures, alignment


def _turntable_cases(
    config: Config, turner: Turner, alignment: RingAlignment, azimuths: FloatArray
) -> list[Case]:
    rng = np.random.default_rng([config.evaluate.seed, 2])
    low, high = config.images.turntable.azimuths
    cases = []
    size = turner.denoiser.resolution
    for spec in _specs(config):
        azimuth = float(rng.uniform(low, high)) % 360.0
        labels = turner.read_poses(_render(config, spec, azimuth, turner.backbone.size)[None])
        reference = Reference(
            spec.object_id, spec.object_id, _render(config, spec, azimuth, size),
            int(labels.pose[0]), float(labels.azimuth[0]), float(labels.confidence[0]),
        )  # fmt: skip
        true = alignment.carry(azimuths)
        truth = np.stack([_render(config, spec, float(a), size) for a in true])
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
    poses = Table("poses", "value", title="Poses on photos that no stage has seen")
    for name in ("nmi", "purity", "homogeneity"):
        if name in figures["poses"]:
            poses.add_row(name, f"{figures['poses'][name]:.3f}")
    for name in ("image_azimuth_error", "pose_azimuth_error"):
        for figure, value in figures["poses"].get(name, {}).items():
            poses.add_row(f"{name} {figure}", f"{value:.3g}")
    poses.add_row("ring_score", f"{figures['poses']['ring_score']:.3f}")
    views = Table(*VIEW_COLUMNS, title="Views")
    for row in figures["views"]:
        cells = [row.get(name) for name in VIEW_COLUMNS]
        views.add_row(
            *("–" if c is None else c if isinstance(c, str) else f"{c:.3f}" for c in cells)
        )
    console.print(poses)
    console.print(views)
