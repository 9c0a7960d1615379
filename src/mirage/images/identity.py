"""What tells that a source of photos, or what was found in it, is another one."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pyarrow.parquet as pq

from mirage.config import ImagesConfig
from mirage.core.files import facts_of, files_at, fingerprint, path_of
from mirage.images.decoding.decode import reads_heic
from mirage.images.manifest import MANIFEST, SOURCE
from mirage.images.sources.folder import photos_below
from mirage.images.sources.remote import absolute
from mirage.images.sources.shards import ShardsSource
from mirage.images.sources.source import HEIC_SUFFIXES

_SEEN = ("path", "sha256", "split", "object_id", "azimuth", "viewpoint", "box")


def identify_images(folder: Path) -> str:
    """The hash of what later stages see of the photos of an images/ folder.

    Not of where they are kept or when they were written: moved and touched, they are the same.
    """
    digest = hashlib.sha256(str(json.loads((folder / SOURCE).read_text())["fit"]).encode())
    for batch in pq.ParquetFile(folder / MANIFEST).iter_batches(columns=list(_SEEN)):
        for row in zip(*(batch[name].to_pylist() for name in _SEEN), strict=True):
            digest.update(repr(row).encode())
    return digest.hexdigest()[:16]


def source_fingerprint(config: ImagesConfig) -> str:
    """What tells cheaply that a source may have changed; empty where the configuration says all."""
    if config.source == "turntable" or config.path is None:
        return ""
    if config.source == "shards":
        shards = ShardsSource(absolute(config.path)).shards()
        return fingerprint((shard.name, shard.size, shard.time) for shard in shards)
    root = path_of(config.path)
    files = _photos_at(root) if config.source == "folder" else files_at(root)
    shown = (file for file in files if not Path(file[0]).name.startswith("."))
    return fingerprint(_as_readable(shown))


def _photos_at(root: Path) -> Iterator[tuple[str, int, int]]:
    """Name below a folder, size and time (ns) of each photo in it."""
    for path, refused in photos_below(root):
        if not refused:
            yield from facts_of(os.path.join(root, path), path)


def _as_readable(files: Iterable[tuple[str, int, int]]) -> Iterator[tuple[str, int, str]]:
    """The files, where a photo is another one from when what reads it was installed."""
    installed = cache(reads_heic)
    for name, size, time in files:
        waits = Path(name).suffix.lower() in HEIC_SUFFIXES
        yield name, size, f"{time} readable" if waits and installed() else str(time)
