"""What a training needs of a run, in a folder small enough to be carried to a machine."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from mirage.config import AUTO
from mirage.config.load import load_config, save_config
from mirage.core.contracts import HELDOUT
from mirage.core.errors import MirageError
from mirage.images.manifest import MANIFEST, SOURCE
from mirage.runs.folder import (
    BANK_FILE,
    LABELS_FILE,
    SUMMARY_FILE,
    RunFolder,
    read_json,
    write_json,
)
from mirage.training.data import keep_images

_PACKED = 50 * 10**6  # bytes: what is carried to a machine must be small
_OF_POSES = (BANK_FILE, LABELS_FILE, SUMMARY_FILE, ".stamp.json")


def pack(run: Path, cache: Path) -> None:
    """What a training needs of a run that has its poses: labels, and the photos at its size."""
    config, folder = load_config([f"run={run}"]), RunFolder(run)
    folder.key("poses")
    if config.model.autoencoder is not None:
        raise MirageError(
            "latents cannot be carried without their autoencoder",
            where=str(run),
            todo="pack a run that trains on pixels",
        )
    keep_images(config, folder)
    for name in ("images", "poses"):
        (cache / name).mkdir(parents=True, exist_ok=True)
    for path in folder["images"].iterdir():
        if path.is_file() and path.suffix != ".lock":
            shutil.copyfile(path, cache / "images" / path.name)
    frames = [path.name for path in folder["poses"].glob("frames.*") if path.suffix != ".lock"]
    for name in (*_OF_POSES, *frames):
        shutil.copyfile(folder["poses"] / name, cache / "poses" / name)
    # What trains there is what is packed here: no other recipe is chosen for another machine.
    chosen = "defaults" if config.recipe == AUTO else config.recipe
    save_config(replace(config, run=str(cache), recipe=chosen, given=[]))
    size = sum(path.stat().st_size for path in cache.rglob("*") if path.is_file())
    print(f"{size / 1e6:.1f} MB in {cache}")
    if size > _PACKED:
        print(f"more than {_PACKED / 1e6:.0f} MB: take fewer photos, or a smaller data.resolution")


def unpack(cache: Path, run: Path) -> None:
    """A run that trains without its photos: those held out, which it looks at, are as cached."""
    shutil.copytree(cache, run, dirs_exist_ok=True)
    config = load_config([f"run={run}"])
    manifest, photos = run / "images" / MANIFEST, run.resolve() / "photos"
    table = pq.read_table(manifest)
    names = [f"{i:06d}.png" for i in range(len(table))]
    nothing = [None] * len(table)
    for column in ("path", "offset", "num_bytes", "box"):
        place = table.column_names.index(column)
        kind = table.schema.field(column).type
        values = pa.array(names if column == "path" else nothing, kind)
        table = table.set_column(place, column, values)
    pq.write_table(table, manifest)
    photos.mkdir(exist_ok=True)
    (cached,) = (run / "images").glob(f"cache-{config.data.resolution}-*.npy")
    pixels = np.load(cached, mmap_mode="r")
    for i in np.flatnonzero(np.asarray(table["split"]) == HELDOUT):
        Image.fromarray(np.asarray(pixels[i])).save(photos / names[i])
    facts = read_json(run / "images" / SOURCE)
    write_json(run / "images" / SOURCE, facts | {"kind": "folder", "path": str(photos)})
