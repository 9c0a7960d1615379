"""assign: the poses of new photos, read from the run's bank alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from mirage.config import Config
from mirage.errors import MirageError
from mirage.features.backbone import load_backbone
from mirage.images.decode import UndecodableError, decode, to_square
from mirage.images.manifest import open_images
from mirage.images.progress import show_progress
from mirage.images.sources import SUFFIXES
from mirage.poses.bank import PoseBank
from mirage.stages.folder import RunFolder
from mirage.stages.poses import BANK_FILE, device


def run(config: Config, folder: RunFolder, photos: Sequence[str], as_json: bool) -> str:
    """Print path, pose, azimuth and confidence of each photo; returns the closing line.

    A photo that cannot be read is listed with its reason and does not stop the others.

    Raises:
        MirageError: there is no photo, or none can be read.
    """
    folder.key("poses")
    paths = find_photos(photos)
    bank = PoseBank.load(folder["poses"] / BANK_FILE)
    fit = open_images(folder["images"]).fit
    backbone = load_backbone(bank.backbone, device())
    rows: list[dict[str, Any]] = []
    unreadable: list[str] = []
    size = backbone.config.batch_size
    chunks = [paths[i : i + size] for i in range(0, len(paths), size)]
    for chunk in show_progress(chunks, "assign", len(chunks)):
        squares, names = [], []
        for path in chunk:
            try:
                photo = decode(path.read_bytes(), config.images.max_pixels)
            except (OSError, UndecodableError) as error:
                unreadable.append(f"{path}: {error}")
                continue
            squares.append(to_square(photo, backbone.size, fit))
            names.append(str(path))
        if squares:
            labels = bank.assign(backbone(np.stack(squares)))
            rows += [
                {
                    "path": name,
                    "pose": int(labels.pose[i]),
                    "azimuth": float(labels.azimuth[i]),
                    "confidence": float(labels.confidence[i]),
                }
                for i, name in enumerate(names)
            ]
    if not rows:
        raise MirageError(
            f"none of {len(paths)} files can be read", where=unreadable[0], todo="check the files"
        )
    if as_json:
        print(json.dumps(rows, indent=2))
        return ""
    table = Table("path", "pose", "azimuth", "confidence")
    for row in rows:
        table.add_row(
            row["path"], str(row["pose"]), f"{row['azimuth']:.0f}°", f"{row['confidence']:.2f}"
        )
    Console().print(table)
    for line in unreadable:
        print(f"not read: {line}")
    return f"assign: {len(rows)} photos read, {len(unreadable)} not"


def find_photos(given: Sequence[str]) -> list[Path]:
    """The photos named, and those below the folders named.

    Raises:
        MirageError: nothing was named, a path does not exist, or the folders hold no photo.
    """
    found: list[Path] = []
    for name in given:
        path = Path(name)
        if not path.exists():
            raise MirageError(f"{name} does not exist", where="command line", todo="check the path")
        if path.is_dir():
            found += sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES)
        else:
            found.append(path)
    if not found:
        raise MirageError(
            "no photos to assign",
            where="command line",
            todo="mirage assign PHOTO_OR_FOLDER… run=DIR",
        )
    return found
