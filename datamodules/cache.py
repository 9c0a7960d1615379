"""Every image as the model's codec keeps it in one memory-mapped file: no decode in the loop."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from io import RawIOBase
from pathlib import Path
from typing import Any

import numpy as np

from mirage.core.contracts import IntArray, KeptArray
from mirage.core.locks import held
from mirage.distributed.ranks import ALONE, Ranks

Batches = Callable[[IntArray], Iterator[tuple[IntArray, KeptArray]]]


def build_cache(
    path: Path,
    shape: tuple[int, ...],
    key: str,
    batches: Batches,
    dtype: str = "uint8",
    ranks: Ranks = ALONE,
) -> None:
    """Fill `path` (.npy of [N, ...]) in batches; a killed build goes on with what is missing.

    Processes fill it together, each a share; all must call this, and all return when it is full.
    Other commands that want the same cache wait for them.

    Args:
        key: what the pixels depend on (the images' hash); a cache of another key is built anew.
        batches: given image ids, yields (ids, [B, ...]) in that order.
    """
    with held(path.with_suffix(".lock")) if ranks.is_first else nullcontext():
        _build(path, shape, key, batches, dtype, ranks)
        ranks.wait()


def _build(
    path: Path, shape: tuple[int, ...], key: str, batches: Batches, dtype: str, ranks: Ranks
) -> None:
    done, about = path.with_suffix(".done"), path.with_suffix(".json")
    facts = {"key": key, "shape": list(shape), "dtype": dtype}
    if ranks.is_first and not (_read(about) == facts and path.exists() and done.exists()):
        path.parent.mkdir(parents=True, exist_ok=True)
        about.unlink(missing_ok=True)  # what is written now must not pass for the earlier cache's
        np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape).flush()
        done.write_bytes(bytes(shape[0]))
        about.write_text(json.dumps(facts))
    ranks.wait()
    missing = np.flatnonzero(np.frombuffer(done.read_bytes(), np.uint8) == 0)
    ranks.wait()  # nobody marks more as done before all have seen the same
    mine = np.array_split(missing, ranks.world)[ranks.rank]
    if len(mine):
        _fill(path, done, batches(mine))


def _fill(path: Path, done: Path, batches: Iterator[tuple[IntArray, KeptArray]]) -> None:
    """Write rows, not pages: over a network, mapped pages that two machines write to clash."""
    start = np.load(path, mmap_mode="r").offset
    with path.open("r+b", buffering=0) as pixels, done.open("r+b", buffering=0) as marks:
        for ids, images in batches:
            size = images[0].nbytes
            for i, image in zip(ids, np.ascontiguousarray(images), strict=True):
                pixels.seek(start + int(i) * size)
                _write_all(pixels, image.tobytes())
            for i in ids:
                marks.seek(int(i))
                _write_all(marks, b"\1")


def _write_all(file: RawIOBase, data: bytes) -> None:
    """On a disk that gets full, a part is written at first without a word."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) or 0 :]


def open_cache(path: Path) -> KeptArray:
    """The cache as a read-only memory map."""
    pixels: KeptArray = np.load(path, mmap_mode="r")
    return pixels


def _read(about: Path) -> Any:
    try:
        return json.loads(about.read_text())
    except (OSError, ValueError):
        return None
