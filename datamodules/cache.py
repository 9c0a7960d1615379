"""Every image as the model's codec keeps it in one memory-mapped file: no decode in the loop."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mirage.contracts import IntArray, KeptArray

Batches = Callable[[IntArray], Iterator[tuple[IntArray, KeptArray]]]


def build_cache(
    path: Path, shape: tuple[int, ...], key: str, batches: Batches, dtype: str = "uint8"
) -> None:
    """Fill `path` (.npy of [N, ...]) in batches; a killed build goes on where it was.

    Args:
        key: what the pixels depend on (the images' hash); a cache of another key is built anew.
        batches: given image ids, yields (ids, [B, ...]) in that order.
    """
    progress = path.with_suffix(".progress.json")
    state: dict[str, Any] = {"key": key, "shape": list(shape), "done": 0}
    if progress.exists() and path.exists():
        found = json.loads(progress.read_text())
        if found["key"] == key and found["shape"] == state["shape"]:
            state = found
    if state["done"] == shape[0]:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if not state["done"]:  # what is written now must not pass for the earlier cache's pixels
        progress.unlink(missing_ok=True)
    mode = "r+" if state["done"] else "w+"
    pixels = np.lib.format.open_memmap(path, mode=mode, dtype=dtype, shape=shape)
    for ids, images in batches(np.arange(state["done"], shape[0])):
        pixels[ids] = images
        pixels.flush()
        state["done"] = int(ids[-1]) + 1
        temporary = progress.with_suffix(".tmp")
        temporary.write_text(json.dumps(state))
        temporary.replace(progress)


def open_cache(path: Path) -> KeptArray:
    """The cache as a read-only memory map."""
    pixels: KeptArray = np.load(path, mmap_mode="r")
    return pixels
