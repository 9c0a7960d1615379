"""Objects made of views, in W&B: to drag, and as films."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import wandb

from mirage.tracking.logger import kept_with, videos
from mirage.tracking.names import STEP


def log_objects(
    run: Any,
    meshes: Mapping[str, Path],
    films: Mapping[str, Path],
    figures: Mapping[str, float],
    step: int,
) -> None:
    """Log objects under `shape/`.

    Args:
        meshes: name of the object → its .glb. films: → its GIF.
        figures: by their whole names. step: of the model, optimizer steps.
    """
    if run.disabled:
        return
    shown: dict[str, Any] = {
        "shape/objects": [wandb.Object3D(str(mesh), caption=n) for n, mesh in meshes.items()],
        "shape/turning": videos(films),
    }
    with kept_with(run):
        run.log(shown | dict(figures) | {STEP: step})
