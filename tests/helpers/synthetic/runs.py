"""Runs that no stage has made: only the files that a page reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mirage.config.load import load_config, save_config
from mirage.diagnostics.gallery import GALLERY, Gallery
from mirage.drawing.films import save_gif
from mirage.runs.folder import RunFolder, write_json

FOUND: dict[str, Any] = {
    "num_images": 90,
    "num_poses": 3,
    "ring_score": 0.913,
    "mean_confidence": 0.75,
    "circle_found": True,
    "azimuth": [0.0, 120.0, 240.0],
    "counts": [40, 30, 20],
}
NUM_VIEWS = 4


def make_gallery() -> Gallery:
    """Two photos of poses 0 and 2 each, none of pose 1; one photo in which two parts are seen."""
    rng = np.random.default_rng(0)

    def draw(*shape: int) -> Any:
        return rng.integers(0, 256, shape, dtype=np.uint8)

    return Gallery(
        draw(3, 32, 32, 3),
        draw(4, 32, 32, 3),
        np.array([0, 0, 2, 2]),
        draw(1, 32, 32, 3),
        draw(1, 8, 8, 2),
        draw(1, 8, 8),
        np.array([7, 3]),
    )


def make_run(root: Path, *words: str, mode: str = "soft") -> RunFolder:
    """A run with poses, a gallery, one photo turned, and two checkpoints."""
    folder = RunFolder(root)
    save_config(load_config([*words, f"run={root}"]))
    folder.finish("poses", "key")
    write_json(folder["poses"] / "summary.json", FOUND)
    make_gallery().save(folder["poses"] / GALLERY)
    _turn(folder["views"] / "car", mode)
    frames = np.random.default_rng(1).integers(0, 256, (NUM_VIEWS, 32, 64, 3), dtype=np.uint8)
    for step in (2, 10):
        save_gif(frames, folder["train"] / "orbits" / f"step_{step:07d}.gif")
    return folder


def _turn(target: Path, mode: str) -> None:
    target.mkdir(parents=True)
    names = [f"view_{i:03d}.png" for i in range(NUM_VIEWS)]
    for name in ("reference.png", *names):
        Image.new("RGB", (32, 32), "red").save(target / name)
    views = [
        {
            "file": name,
            "azimuth_asked": 90.0 * i,
            "pose_asked": i % 3,
            "pose_found": 0,
            "azimuth_found": 90.0 * i + 10.0,
        }
        for i, name in enumerate(names)
    ]
    facts = {"reference": "cars/car.png", "reference_pose": 0, "reference_confidence": 0.9}
    write_json(target / "views.json", facts | {"mode": mode, "views": views})
