"""A rendered image set on disk: PNGs and objects.csv, made by several processes, resumable."""

from __future__ import annotations

import csv
import io
import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
from PIL import Image

from mirage.config import TurntableConfig
from mirage.core.contracts import ByteArray, FloatArray
from mirage.core.errors import MirageError
from mirage.core.progress import show_progress
from mirage.images.turntable.objects import ObjectSpec, sample_objects
from mirage.images.turntable.pictures import render

TABLE = "objects.csv"
_AZIMUTH_STREAM = 0x417A  # keeps the azimuths' random numbers apart from the objects'


def sample_azimuths(config: TurntableConfig, object_index: int) -> FloatArray:
    """[views] degrees in [0, 360), by `azimuths` and `density`; a function of seed and object."""
    rng = np.random.default_rng([_AZIMUTH_STREAM, config.seed, object_index])
    low, high = config.azimuths
    drawn = rng.uniform(low, high, config.views)
    if config.density:
        centre, within, share = np.asarray(config.density, float).T
        peak = np.searchsorted(share.cumsum(), rng.uniform(size=config.views), side="right")
        at_peak = peak < len(share)
        peak = peak[at_peak]
        drawn[at_peak] = centre[peak] + within[peak] * rng.uniform(-1.0, 1.0, len(peak))
    return np.round(drawn, 3) % 360.0


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
        MirageError: the folder holds a set of other settings, or a rendering process died.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _claim(folder, config)
    objects = sample_objects(config.category, config.objects, config.seed, variant=config.variant)
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


def name_set(config: TurntableConfig) -> str:
    """Folder name of a set: what decides its pictures, left out where it is the default."""
    name = f"{config.category}-{config.seed}-{config.size}px"
    if config.variant != "plain":
        name += f"-{config.variant}"
    low, high = config.azimuths
    if (low, high) != (0.0, 360.0):
        name += f"-{low:g}to{high:g}"
    for centre, within, share in config.density:
        name += f"-{share:g}at{centre:g}within{within:g}"
    return name


def picture_name(spec: ObjectSpec, view: int) -> str:
    """Path of a view's picture, relative to the set's folder."""
    return f"{spec.object_id}/{view:03d}.png"


def _claim(folder: Path, config: TurntableConfig) -> None:
    """Note the settings that decide the pictures; refuse a folder begun with others."""
    settings = _deciding(config)
    note = folder / "settings.json"
    if note.exists():
        # What an older note does not name could not be chosen then: it is the default.
        begun = _deciding(TurntableConfig()) | json.loads(note.read_text())
        if begun != settings:
            raise MirageError(
                f"the folder holds renders of other settings: {note.read_text().strip()}",
                where=str(folder),
                todo="remove the folder, or choose another run=",
            )
    _write(note, (json.dumps(settings) + "\n").encode())


def _deciding(config: TurntableConfig) -> dict[str, Any]:
    """The settings that decide the pictures; the others only say how many and how fast."""
    return {k: v for k, v in asdict(config).items() if k not in ("workers", "objects", "views")}


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
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        sys.exit(1)  # a worker that runs its parent's script again; the parent tells what is wrong
    # Spawned, not forked: an OpenGL context does not survive a fork.
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, spawn, initializer=_end_with_parent)
    try:
        with _held_interrupt():
            jobs = [pool.submit(job, item) for item in work]
        for done in show_progress(as_completed(jobs), "rendering", len(work)):
            done.result()
    except BrokenProcessPool as error:
        raise MirageError(
            "a rendering process ended before its work was done",
            where="images.turntable.render",
            todo='in a script, write the call under `if __name__ == "__main__":`; '
            "where memory ran out, lower images.turntable.workers",
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _end_with_parent() -> None:
    """In a worker: end when the parent is killed, instead of waiting for its work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(1)

    Thread(target=wait, daemon=True).start()


@contextmanager
def _held_interrupt() -> Iterator[None]:
    """Ctrl-C waits until the end; processes started meanwhile never see it, their parent does."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


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
