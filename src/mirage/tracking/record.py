"""What each command tells W&B when it is done.

Imported where that is: it takes W&B and Lightning, which take seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mirage.config import Config
from mirage.diagnostics.pose_panels import pose_files
from mirage.drawing.panels import contact_sheet
from mirage.generation.kept_object import FACTS, FILM, MESHES
from mirage.generation.kept_views import read_orbit
from mirage.metrics.registry import AUTOENCODER, FOUND, OBJECTS
from mirage.runs.folder import SUMMARY_FILE, VIEWS_FILE, RunFolder, read_json
from mirage.tracking.artifacts import Bundle, fingerprint_of, log_bundle, use_bundle
from mirage.tracking.evaluation import log_evaluation
from mirage.tracking.logger import log_pictures, recording
from mirage.tracking.objects import log_objects
from mirage.tracking.provenance import find_code, model_bundle, num_steps, poses_bundle, record_of
from mirage.tracking.review import Reading, log_views, review_rows

_SHOWN = 100  # references in the picture of views, and films; W&B cuts longer lists


def record_poses(config: Config, folder: RunFolder) -> None:
    """Poses that were found: pictures, figures, labels and bank."""
    summary = read_json(folder["poses"] / SUMMARY_FILE)
    figures = {f"poses/{metric.name}": summary[metric.name] for metric in FOUND}
    with recording(record_of(config, folder, "poses")) as run:
        log_pictures(run, "poses", pose_files(folder["poses"]), **figures)
        log_bundle(run, poses_bundle(config, folder))


def record_autoencoder(
    config: Config, folder: RunFolder, figures: Mapping[str, Any], picture: Path
) -> None:
    """What an autoencoder keeps of held-out photos, in the W&B run of its training."""
    told = {f"autoencoder/{m.name}": figures[m.name] for m in AUTOENCODER if m.name in figures}
    with recording(record_of(config, folder, "autoencoder")) as run:
        log_pictures(run, "autoencoder", [picture], **told)


def record_model(config: Config, folder: RunFolder, key: str) -> None:
    """The exported model, in the W&B run of the training that made it.

    Args:
        key: of the model.
    """
    poses = fingerprint_of(poses_bundle(config, folder))
    model = model_bundle(folder, key)
    facts = {"uses": poses, "code": find_code(), "steps": num_steps(config)}
    stage = "refine" if config.refine.steps > 0 else "train"
    with recording(record_of(config, folder, stage)) as run:
        log_bundle(run, replace(model, facts=model.facts | facts))


def record_views(config: Config, folder: RunFolder, targets: Sequence[Path]) -> None:
    """Photos that were turned.

    Args:
        targets: their folders of views.
    """
    steps = num_steps(config)
    orbits = {target: read_orbit(target) for target in targets}
    rows = [
        row
        for target, orbit in orbits.items()
        for row in review_rows(target.name, orbit, _read_back(target), config.views, steps)
    ]
    shown = targets[:_SHOWN]
    names = [target.name for target in shown]
    sheet = contact_sheet([orbits[target] for target in shown], config.views.num_views, names)
    films = {target.name: target / "orbit.gif" for target in shown}
    with recording(record_of(config, folder, "views")) as run:
        use_bundle(run, model_bundle(folder, folder.key("model")))
        log_views(run, sheet, films, rows, steps)


def _read_back(target: Path) -> Reading:
    """What the bank read in the views of a finished folder."""
    views = read_json(target / VIEWS_FILE)["views"]
    names = ("pose_found", "azimuth_found", "confidence")
    return Reading(*(np.asarray([view[name] for view in views]) for name in names))


def record_objects(config: Config, folder: RunFolder, targets: Sequence[Path]) -> None:
    """Objects that were made of views.

    Args:
        targets: their folders.
    """
    shown = list(targets)[:_SHOWN]
    facts = [read_json(target / FACTS) for target in targets]
    figures = {f"shape/{m.name}": float(np.mean([f[m.name] for f in facts])) for m in OBJECTS}
    with recording(record_of(config, folder, "shape")) as run:
        use_bundle(run, model_bundle(folder, folder.key("model")))
        meshes = {target.name: target / MESHES[0] for target in shown}
        films = {target.name: target / FILM for target in shown}
        log_objects(run, meshes, films, figures, num_steps(config))


def record_evaluation(
    config: Config,
    folder: RunFolder,
    key: str,
    figures: dict[str, Any],
    files: Sequence[Path],
    pictures: Sequence[Path],
) -> None:
    """What was measured, and on what.

    Args:
        key: of the evaluation. files: that the figures are in.
    """
    has_model = folder.is_done("model")
    measured = (
        model_bundle(folder, folder.key("model")) if has_model else poses_bundle(config, folder)
    )
    facts = {"uses": fingerprint_of(measured), "code": find_code(), "seed": config.evaluate.seed}
    with recording(record_of(config, folder, "evaluate")) as run:
        use_bundle(run, measured)
        log_evaluation(run, figures, pictures, num_steps(config) if has_model else 0)
        log_bundle(run, Bundle("evaluation", key, {p.name: p for p in files}, facts))
