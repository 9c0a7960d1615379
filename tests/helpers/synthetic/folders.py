"""Folders of photos of noise, and the settings that list them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from mirage.config import ImagesConfig


def save_photos(folder: Path, count: int, side: int = 32) -> list[np.ndarray]:  # type: ignore[type-arg]
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    photos = [rng.integers(0, 256, (side, side, 3), np.uint8) for _ in range(count)]
    for index, photo in enumerate(photos):
        Image.fromarray(photo).save(folder / f"{index:03d}.png")
    return photos


def config_for(path: Path, source: str = "folder", min_count: int = 3) -> ImagesConfig:
    return ImagesConfig(source=source, path=str(path), min_count=min_count)
