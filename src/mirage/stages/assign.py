"""assign: the poses of new photos, read from the run's bank alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from mirage.config import Config
from mirage.contracts import ByteArray
from mirage.errors import MirageError
from mirage.features.backbone import load_backbone
from mirage.images.decode import UndecodableError, decode, to_square
from mirage.images.manifest import open_images
from mirage.images.sources import SUFFIXES
from mirage.poses.bank import PoseBank
from mirage.progress import show_progress
from mirage.stages.folder import RunFolder
from mirage.stages.poses import BANK_FILE, device
from mirage.stages.show.explain import Explainer


def run(
    config: Config,
    folder: RunFolder,
    photos: Sequence[str],
    as_json: bool,
    explain: bool = False,
) -> str:
    """Print path, pose, azimuth, confidence and outlier flag of each photo; the closing line.

    A photo that cannot be read is listed with its reason and does not stop the others.

    Args:
        explain: also draw, for each photo, what it was judged by; the picture's path is printed.

    Raises:
        MirageError: there is no photo, or none can be read.
    """
    folder.key("poses")
    paths = find_photos(photos)
    bank = PoseBank.load(folder["poses"] / BANK_FILE)
    images = open_images(folder["images"])
    backbone = load_backbone(bank.backbone, device())
    explainer = Explainer(folder, images, backbone, bank) if explain else None
    reader = _Reader(config.images.max_pixels, backbone.size, images.fit)
    rows: list[dict[str, Any]] = []
    for names, squares in reader.batches(paths, backbone.config.batch_size):
        labels = bank.assign(backbone(squares))
        outlier = labels.outlier
        found = [
            {
                "path": str(name),
                "pose": int(labels.pose[i]),
                "azimuth": float(labels.azimuth[i]),
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
            f"none of {len(paths)} files can be read",
            where=reader.unreadable[0],
            todo="check the files",
        )
    for line in reader.unreadable:
        print(f"not read: {line}", file=sys.stderr if as_json else sys.stdout)
    if as_json:
        print(json.dumps(rows, indent=2))
        return ""
    _print_table(rows)
    where = f" → {explainer.target}" if explainer is not None else ""
    return f"assign: {len(rows)} photos read, {len(reader.unreadable)} not{where}"


@dataclass
class _Reader:
    """Reads photos as the run's own were read; `unreadable` collects those it could not."""

    max_pixels: int
    size: int
    fit: str
    unreadable: list[str] = field(default_factory=list)

    def batches(self, paths: list[Path], count: int) -> Iterator[tuple[list[Path], ByteArray]]:
        """Paths with their photos [B, size, size, 3] uint8, at most `count` at once."""
        chunks = [paths[i : i + count] for i in range(0, len(paths), count)]
        for chunk in show_progress(chunks, "assign", len(chunks)):
            read = [(path, square) for path in chunk if (square := self._read(path)) is not None]
            if read:
                names, squares = zip(*read, strict=True)
                yield list(names), np.stack(squares)

    def _read(self, path: Path) -> ByteArray | None:
        try:
            photo = decode(path.read_bytes(), self.max_pixels)
        except (OSError, UndecodableError) as error:
            self.unreadable.append(f"{path}: {error}")
            return None
        return to_square(photo, self.size, self.fit)


def _print_table(rows: list[dict[str, Any]]) -> None:
    explained = "picture" in rows[0]
    table = Table("path", "pose", "azimuth", "confidence", "outlier")
    if explained:
        table.add_column("picture")
    for row in rows:
        cells = [
            row["path"], str(row["pose"]), f"{row['azimuth']:.0f}°", f"{row['confidence']:.2f}",
            "yes" if row["outlier"] else "",
        ]  # fmt: skip
        table.add_row(*cells, *([Path(row["picture"]).name] if explained else []))
    Console().print(table)


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
