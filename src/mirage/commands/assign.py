"""assign: the poses of new photos, read from the run's bank alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from mirage.commands.registry import JSON
from mirage.core.angles import in_degrees
from mirage.core.contracts import ByteArray
from mirage.core.errors import MirageError
from mirage.core.files import as_shown, as_text
from mirage.core.progress import show_progress
from mirage.diagnostics.explain import Explainer
from mirage.drawing.tables import add_row, print_table, rich_table
from mirage.images.image_set import open_images
from mirage.images.sources.folder import find_photos
from mirage.poses.photo_reader import PoseReader
from mirage.runs.folder import BANK_FILE
from mirage.runs.request import Request

T = TypeVar("T")


def run(request: Request) -> str:
    """Print path, pose, azimuth, confidence and outlier flag of each photo; the closing line.

    A photo that cannot be read is listed with its reason and does not stop the others. With
    `--explain` a picture of what each was judged by is drawn too, and its path is printed.

    Raises:
        MirageError: there is no photo, or none can be read.
    """
    config, folder, photos = request.config, request.folder, request.operands
    as_json, explain = JSON in request.options, "--explain" in request.options
    folder.key("poses")
    paths = find_photos(photos)
    images = open_images(folder["images"])
    reader = PoseReader.open(folder["poses"] / BANK_FILE, images.fit, config.images.max_pixels)
    explainer = Explainer(folder, images, reader.backbone, reader.bank) if explain else None
    unreadable: list[str] = []
    rows: list[dict[str, Any]] = []
    for names, squares in _batches(reader, paths, unreadable):
        labels = reader.read(squares)
        outlier, error = labels.outlier, labels.azimuth_error
        found = [
            {
                "path": as_text(str(name)),
                "pose": int(labels.pose[i]),
                "azimuth": float(labels.azimuth[i]),
                "azimuth_error": None if error is None else round(float(error[i]), 1),
                "confidence": float(labels.confidence[i]),
                "outlier": bool(outlier[i]),
            }
            for i, name in enumerate(names)
        ]
        if explainer is not None:
            for row, name, square in zip(found, names, squares, strict=True):
                row["picture"] = str(explainer.explain(name, square, row))
        rows += found
    if not rows:
        raise MirageError(
            f"none of {len(paths)} files can be read", where=unreadable[0], todo="check the files"
        )
    for line in unreadable:
        print(line, file=sys.stderr if as_json else sys.stdout)
    if as_json:
        print(json.dumps(rows, indent=2))
        return ""
    _print_table(rows)
    where = f" → {explainer.target}" if explainer is not None else ""
    return f"assign: {len(rows)} photos read, {len(unreadable)} not{where}\n"


def _batches(
    reader: PoseReader, paths: list[Path], unreadable: list[str]
) -> Iterator[tuple[list[Path], ByteArray]]:
    """Paths with their photos [B, S, S, 3] uint8; what cannot be read is added to `unreadable`."""
    for batch in show_progress(reader.batches(paths), "assign"):
        read = []
        for path in batch:
            try:
                read.append((path, reader.square(path)))
            except MirageError as error:
                unreadable.append(f"{as_shown(str(path))}: {error.what}")
        if read:
            names, squares = zip(*read, strict=True)
            yield list(names), np.stack(squares)


def _print_table(rows: list[dict[str, Any]]) -> None:
    explained = "picture" in rows[0]
    headings = ["path", "pose", "azimuth", "confidence", "outlier", *["picture"] * explained]
    table = rich_table(headings)
    for row in rows:
        cells = [
            as_shown(row["path"]),
            str(row["pose"]),
            _azimuth(row),
            f"{row['confidence']:.2f}",
            "yes" if row["outlier"] else "",
        ]
        add_row(table, [*cells, *([Path(row["picture"]).name] if explained else [])])
    print_table(table)


def _azimuth(row: dict[str, Any]) -> str:
    """With its error, where that is known: 45° ± 6°."""
    error = row["azimuth_error"]
    return in_degrees(row["azimuth"]) + ("" if error is None else f" ± {error:.0f}°")
