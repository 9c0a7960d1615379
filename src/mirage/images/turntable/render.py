"""A rendered image set on disk: PNGs and objects.csv, made by several processes, resumable."""

from __future__ import annotations

import csv
import io
import json
import multiprocessing
import os
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from mirage.config import TurntableConfig
from mirage.contracts import ByteArray, FloatArray
from mirage.errors import MirageError
from mirage.images.progress import show_progress
from mirage.images.turntable.objects import ObjectSpec, sample_objects
from mirage.images.turntable.pictures import render

TABLE = "objects.csv"
_AZIMUTH_STREAM = 0x417A  # keeps the azimuths' random numbers apart from the objects'


def sample_azimuths(config: TurntableConfig, object_index: int) -> FloatArray:
    """[views] degrees in [0, 360), uniform; a function of the seed and the object alone."""
    rng = np.random.default_rng([_AZIMUTH_STREAM, config.seed, object_index])
    return np.round(rng.uniform(0.0, 360.0, config.views), 3) % 360.0


def render_set(config: TurntableConfig, folder: Path) -> Path:
    """Render `objects` × `views` pictures into `folder`.

    Every picture is written under a temporary name and renamed, so that a killed run goes on
    where it was; the table is written last and marks the set as complete.

    Args:
        config: category, counts, picture size, seed and number of processes.
        folder: is made if need be.

    Returns:
        The table, a CSV with the columns path, azimuth (degrees), object_id.

    Raises:
        MirageError: the folder holds a set of other settings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _claim(folder, config)
    objects = sample_objects(config.category, config.objects, config.seed)
    pending = [i for i in range(len(objects)) if _missing(config, objects, i, folder)]
    _render_all(config, objects, pending, folder)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["path", "azimuth", "object_id"])
    for index, spec in enumerate(objects):
        for view, azimuth in enumerate(sample_azimuths(config, index)):
            table.writerow([picture_name(spec, view), f"{azimuth:.3f}", spec.object_id])
    _write(folder / TABLE, text.getvalue().encode())
    return folder / TABLE


def picture_name(spec: ObjectSpec, view: int) -> str:
    """Path of a view's picture, relative to the set's folder."""
    return f"{spec.object_id}/{view:03d}.png"


def _claim(folder: Path, config: TurntableConfig) -> None:
    """Note the settings that decide the pictures; refuse a folder begun with others."""
    settings = {k: v for k, v in asdict(config).items() if k not in ("workers", "objects", "views")}
    note = folder / "settings.json"
    if note.exists() and json.loads(note.read_text()) != settings:
        raise MirageError(
            f"the folder holds renders of other settings: {note.read_text().strip()}",
            where=str(folder),
            todo="remove the folder, or choose another run=",
        )
    _write(note, (json.dumps(settings) + "\n").encode())


def _missing(config: TurntableConfig, objects: list[ObjectSpec], index: int, folder: Path) -> bool:
    names = (folder / picture_name(objects[index], view) for view in range(config.views))
    return not all(name.exists() for name in names)


def _render_all(
    config: TurntableConfig, objects: list[ObjectSpec], pending: list[int], folder: Path
) -> None:
    job = partial(_render_object, config, folder)
    work = [(index, objects[index]) for index in pending]
    workers = min(config.workers, len(work))
    if workers <= 1:
        for _ in show_progress(map(job, work), "rendering", len(work)):
            pass
        return
    # Spawned, not forked: an OpenGL context does not survive a fork.
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        for _ in show_progress(pool.imap_unordered(job, work), "rendering", len(work)):
            pass


def _render_object(config: TurntableConfig, folder: Path, item: tuple[int, ObjectSpec]) -> int:
    """Render the views of one object that are not there yet; returns how many."""
    index, spec = item
    (folder / spec.object_id).mkdir(exist_ok=True)
    done = 0
    for view, azimuth in enumerate(sample_azimuths(config, index)):
        path = folder / picture_name(spec, view)
        if not path.exists():
            _write(path, encode_png(render(spec, float(azimuth), config.size)))
            done += 1
    return done


def encode_png(picture: ByteArray) -> bytes:
    """[H, W, 3] uint8 → the bytes of a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(data)
    temporary.replace(path)
