"""Every image at the model's resolution in one memory-mapped uint8 file: no decode in the loop."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mirage.contracts import ByteArray, IntArray

Batches = Callable[[IntArray], Iterator[tuple[IntArray, ByteArray]]]


def build_cache(path: Path, num_images: int, resolution: int, key: str, batches: Batches) -> None:
    """Fill `path` (.npy, [N, H, W, 3] uint8) in batches; a killed build goes on where it was.

    Args:
        key: what the pixels depend on (the images' hash); a cache of another key is built anew.
        batches: given image ids, yields (ids, [B, H, W, 3] uint8) in that order.
    """
    shape = (num_images, resolution, resolution, 3)
    progress = path.with_suffix(".progress.json")
    state: dict[str, Any] = {"key": key, "shape": list(shape), "done": 0}
    if progress.exists() and path.exists():
        found = json.loads(progress.read_text())
        if found["key"] == key and found["shape"] == state["shape"]:
            state = found
    if state["done"] == num_images:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if not state["done"]:  # what is written now must not pass for the earlier cache's pixels
        progress.unlink(missing_ok=True)
    mode = "r+" if state["done"] else "w+"
    pixels = np.lib.format.open_memmap(path, mode=mode, dtype=np.uint8, shape=shape)
    for ids, images in batches(np.arange(state["done"], num_images)):
        pixels[ids] = images
        pixels.flush()
        state["done"] = int(ids[-1]) + 1
        temporary = progress.with_suffix(".tmp")
        temporary.write_text(json.dumps(state))
        temporary.replace(progress)


def open_cache(path: Path) -> ByteArray:
    """The cache as a read-only memory map, [N, H, W, 3] uint8."""
    pixels: ByteArray = np.load(path, mmap_mode="r")
    return pixels
