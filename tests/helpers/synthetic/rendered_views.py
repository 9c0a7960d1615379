"""Finished folders of views, whose pictures are true renders of cars."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from mirage.images.turntable.objects import ObjectSpec, sample_objects
from mirage.images.turntable.pictures import render
from mirage.runs.folder import write_json

CARS = sample_objects("cars", 4, 11, "evaluate")


def shots(car: ObjectSpec, azimuths: np.ndarray, side: int = 32) -> np.ndarray:
    """[V, side, side, 3] uint8."""
    return np.stack([render(car, float(azimuth), side) for azimuth in azimuths])


def write_views(folder: Path, frames: np.ndarray, azimuths: np.ndarray) -> None:
    """What `mirage views` leaves, as far as `mirage reconstruct` reads it."""
    folder.mkdir(parents=True)
    Image.fromarray(frames[0]).save(folder / "reference.png")
    views = []
    for i, (frame, azimuth) in enumerate(zip(frames, azimuths, strict=True)):
        Image.fromarray(frame).save(folder / f"view_{i:03d}.png")
        asked = {"azimuth_asked": float(azimuth), "pose_asked": 0}
        views.append({"file": f"view_{i:03d}.png", "azimuth_found": float(azimuth)} | asked)
    facts = {"key": folder.name, "reference": f"photos/{folder.name}.png", "reference_pose": 0}
    write_json(folder / "views.json", facts | {"views": views, "mode": "soft"})
