"""Views to be judged by eye, in W&B: one picture of all, a film of each, and a table to sort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import wandb
from PIL import Image

from mirage.config import ViewsConfig
from mirage.core.angles import circular_distance
from mirage.core.contracts import ByteArray, FloatArray, IntArray, Orbit
from mirage.metrics.views import colour_distance
from mirage.tracking.logger import kept_with, videos
from mirage.tracking.names import STEP


@dataclass(frozen=True)
class Reading:
    """What the bank reads in V views: [V] pose, azimuth in degrees, and confidence."""

    pose: IntArray
    azimuth: FloatArray
    confidence: FloatArray


@dataclass(frozen=True)
class ReviewRow:
    """One view of one reference photo; the fields are the columns of the table.

    Attributes:
        photo, picture: [H, W, 3] uint8, the reference and the view.
        view: its number in the orbit.
        mode, seed: it was sampled with. step: of the model, optimizer steps.
        pose_asked, azimuth_asked: degrees on the ring.
        colour_distance: to the photo, in [0, 1].
        pose_found, azimuth_found, confidence: what the bank reads in it; None where nobody looked.
        azimuth_error: degrees.
    """

    reference: str
    photo: ByteArray
    picture: ByteArray
    view: int
    mode: str
    seed: int
    step: int
    pose_asked: int
    azimuth_asked: float
    colour_distance: float
    pose_found: int | None = None
    azimuth_found: float | None = None
    azimuth_error: float | None = None
    confidence: float | None = None


def review_rows(
    reference: str, orbit: Orbit, found: Reading | None, config: ViewsConfig, step: int
) -> list[ReviewRow]:
    """The views of an orbit, sampled by `config` from a model of `step` optimizer steps."""
    distance = colour_distance(orbit.reference, orbit.frames)
    rows = [
        ReviewRow(
            reference,
            orbit.reference,
            frame,
            i,
            config.mode,
            config.seed,
            step,
            int(orbit.pose[i]),
            float(orbit.azimuth[i]),
            float(distance[i]),
        )
        for i, frame in enumerate(orbit.frames)
    ]
    if found is None:
        return rows
    error = circular_distance(found.azimuth, orbit.azimuth)
    return [
        replace(
            row,
            pose_found=int(found.pose[i]),
            azimuth_found=float(found.azimuth[i]),
            azimuth_error=float(error[i]),
            confidence=float(found.confidence[i]),
        )
        for i, row in enumerate(rows)
    ]


def log_views(
    run: Any,
    sheet: Image.Image | Path,
    films: Mapping[str, Path],
    rows: Sequence[ReviewRow],
    step: int,
) -> None:
    """Log orbits: `sheet` of all references, a GIF of each by its name, and a row a view."""
    if run.disabled:
        return
    picture = str(sheet) if isinstance(sheet, Path) else sheet
    shown: dict[str, Any] = {
        "views/orbits": wandb.Image(picture),
        "views/turning": videos(films),
        "views/review": _table(rows),
    }
    with kept_with(run):
        run.log(shown | _scores(rows) | {STEP: step})


def _table(rows: Sequence[ReviewRow]) -> wandb.Table:
    columns: list[str | int] = [item.name for item in fields(ReviewRow)]
    return wandb.Table(columns, [[_cell(value) for value in vars(row).values()] for row in rows])


def _cell(value: Any) -> Any:
    return wandb.Image(value) if isinstance(value, np.ndarray) else value


def _scores(rows: Sequence[ReviewRow]) -> dict[str, float]:
    """Means over the views, those of poses over the ones that were read."""
    errors = [row.azimuth_error for row in rows if row.azimuth_error is not None]
    hits = [row.pose_found == row.pose_asked for row in rows if row.pose_found is not None]
    columns: dict[str, Sequence[float]] = {
        "views/target_pose_accuracy": hits,
        "views/azimuth_error": errors,
        "views/colour_distance": [row.colour_distance for row in rows],
    }
    return {name: float(np.mean(values)) for name, values in columns.items() if values}
