"""A run's photos: manifest.parquet, rejected.csv, and the ImageSet that later stages read."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from mirage.config import ImagesConfig
from mirage.contracts import HELDOUT, TRAIN, ByteArray, FloatArray, IntArray
from mirage.errors import MirageError
from mirage.images.decode import UndecodableError, decode, to_square
from mirage.images.entry import Entry, Source
from mirage.images.progress import show_progress
from mirage.images.sources import open_source
from mirage.images.turntable.render import name_set, render_set

MANIFEST, REJECTED, SOURCE = "manifest.parquet", "rejected.csv", "source.json"
# A column that a manifest does not have yet is read as unknown.
COLUMNS = pa.schema(
    {
        "image_id": pa.int64(),
        "path": pa.string(),
        "width": pa.int64(),
        "height": pa.int64(),
        "num_bytes": pa.int64(),
        "sha256": pa.string(),
        "split": pa.string(),
        "object_id": pa.string(),
        "azimuth": pa.float64(),
        "viewpoint": pa.string(),
        "box": pa.list_(pa.int32()),
    }
)
_THREADS = 4  # Pillow decodes outside the interpreter lock


@dataclass(frozen=True)
class _Checked:
    """A photo that was looked at: its facts, or the reason to reject it."""

    entry: Entry
    reason: str = ""
    width: int = 0
    height: int = 0
    num_bytes: int = 0
    sha256: str = ""


def build_manifest(config: ImagesConfig, folder: Path) -> None:
    """Look at every photo of the source and write the manifest and the rejections.

    Rejected, with a reason, and no hindrance to the rest: unreadable, truncated, tiny, absurdly
    large and duplicate files.

    Raises:
        MirageError: the source cannot be read, or too few photos are usable.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kind, path = config.source, config.path
    if kind == "turntable":
        set_folder = folder / "turntable" / name_set(config.turntable)
        kind, path = "csv", str(render_set(config.turntable, set_folder))
    elif path is None:
        raise MirageError(
            f"images.source={kind} needs a path",
            where="configuration key images.path",
            todo="add images.path=FOLDER (or a .tar or .csv file with images.source=tar or csv)",
        )
    source = open_source(kind, path)
    usable, rejected = _check_all(source, config)
    _write_rejected(folder / REJECTED, rejected)
    if len(usable) < config.min_count:
        reasons = Counter(check.reason.split(":")[0] for check in rejected)
        listed = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
        raise MirageError(
            f"{len(usable)} usable photos, at least {config.min_count} are needed"
            + (f" (rejected: {listed})" if listed else ""),
            where=str(path),
            todo=f"see {folder / REJECTED}, add photos, or lower images.min_count",
        )
    objects = [check.entry.object_id or f"photo:{check.sha256[:16]}" for check in usable]
    drawn = split_objects(objects, config.heldout_fraction, config.seed)
    split = [check.entry.split or side for check, side in zip(usable, drawn, strict=True)]
    for side in (TRAIN, HELDOUT):
        if side not in split:
            raise MirageError(
                f"no photo is in the split {side!r}",
                where=str(path),
                todo="let the split column name both, or leave it empty; one object is not enough",
            )
    _write_manifest(folder / MANIFEST, usable, objects, split)
    facts = {"kind": kind, "path": str(Path(path).resolve()), "fit": config.fit,
             "max_pixels": config.max_pixels}  # fmt: skip
    temporary = folder / f"{SOURCE}.tmp"
    temporary.write_text(json.dumps(facts))
    temporary.replace(folder / SOURCE)


def fingerprint(config: ImagesConfig) -> str:
    """What tells cheaply that a source changed: the names, sizes and times of its files."""
    if config.source == "turntable" or config.path is None:
        return ""
    root = Path(config.path).expanduser()
    files = sorted(p for p in root.rglob("*") if p.is_file()) if root.is_dir() else [root]
    digest = hashlib.sha256()
    for file in files:
        if file.exists():
            facts = file.stat()
            digest.update(f"{file} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def split_objects(objects: list[str], heldout_fraction: float, seed: int) -> list[str]:
    """The split of each photo, by object: all photos of one object fall on the same side.

    Objects are ranked by a hash of (seed, object), and the lowest are held out, at least one; so
    adding photos moves few of the others.
    """
    names = sorted(
        set(objects), key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).hexdigest()
    )
    count = min(max(1, round(heldout_fraction * len(names))), max(1, len(names) - 1))
    held = set(names[:count])
    return [HELDOUT if name in held else TRAIN for name in objects]


def _check_all(source: Source, config: ImagesConfig) -> tuple[list[_Checked], list[_Checked]]:
    usable: list[_Checked] = []
    rejected: list[_Checked] = []
    first_of: dict[str, str] = {}
    entries = list(source.entries())
    checks = _in_order(lambda entry: _check(source, entry, config), entries)
    for check in show_progress(checks, "images", len(entries)):
        reason = check.reason
        # A file is one photo whatever its box: boxes a pixel apart would let it into both splits.
        if not reason and check.sha256 in first_of:
            reason = f"duplicate: of {first_of[check.sha256]}"
        if reason:
            rejected.append(_Checked(check.entry, reason))
        else:
            first_of[check.sha256] = check.entry.path
            usable.append(check)
    return usable, rejected


def _check(source: Source, entry: Entry, config: ImagesConfig) -> _Checked:
    if entry.refused:
        return _Checked(entry, entry.refused)
    try:
        data = source.read(entry.path)
        image = decode(data, config.max_pixels, entry.box)
    except UndecodableError as error:
        return _Checked(entry, str(error))
    except (OSError, EOFError) as error:
        return _Checked(entry, f"unreadable: {type(error).__name__}")
    if min(image.size) < config.min_side:
        return _Checked(entry, f"tiny: {image.width} × {image.height} pixels")
    digest = hashlib.sha256(data).hexdigest()
    return _Checked(entry, "", image.width, image.height, len(data), digest)


def _in_order(work: Any, items: list[Any], ahead: int = 64) -> Iterator[Any]:
    """`work` of each item, in order, on a few threads and at most `ahead` items early."""
    with ThreadPoolExecutor(_THREADS) as pool:
        waiting = iter(items)
        running = [pool.submit(work, item) for item in islice(waiting, ahead)]
        while running:
            yield running.pop(0).result()
            running.extend(pool.submit(work, item) for item in islice(waiting, 1))


def _write_rejected(path: Path, rejected: list[_Checked]) -> None:
    temporary = path.with_suffix(".tmp")
    with temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "reason"))
        writer.writerows((check.entry.path, check.reason) for check in rejected)
    temporary.replace(path)


def _write_manifest(
    path: Path, usable: list[_Checked], objects: list[str], split: list[str]
) -> None:
    table = pa.table(
        {
            "image_id": range(len(usable)),
            "path": [check.entry.path for check in usable],
            "width": [check.width for check in usable],
            "height": [check.height for check in usable],
            "num_bytes": [check.num_bytes for check in usable],
            "sha256": [check.sha256 for check in usable],
            "split": split,
            "object_id": objects,
            "azimuth": [check.entry.azimuth for check in usable],
            "viewpoint": [check.entry.viewpoint for check in usable],
            "box": [check.entry.box for check in usable],
        },
        schema=COLUMNS,
    )
    temporary = path.with_suffix(".tmp")
    pq.write_table(table, temporary)
    temporary.replace(path)


class ImageSet:
    """The usable photos of a run, by image id (0 to N − 1).

    Attributes:
        image_id: [N] int, 0 to N − 1.
        path, split, object_id: [N] strings.
        azimuth: [N] true azimuth in degrees, NaN where unknown; for evaluation only.
        viewpoint: [N] named sides they were seen from, empty where unknown; for evaluation only.
        num_rejected: photos that were not usable.
    """

    def __init__(self, folder: Path) -> None:
        table = pq.read_table(folder / MANIFEST, schema=COLUMNS)
        facts = json.loads((folder / SOURCE).read_text())
        self.fit, self.max_pixels = str(facts["fit"]), int(facts["max_pixels"])
        self.image_id: IntArray = table["image_id"].to_numpy()
        self.path = np.asarray(table["path"].to_pylist(), dtype=object)
        self.split = np.asarray(table["split"].to_pylist(), dtype=object)
        self.object_id = np.asarray(table["object_id"].to_pylist(), dtype=object)
        self.azimuth: FloatArray = np.asarray(table["azimuth"].to_numpy(), dtype=np.float64)
        viewpoints = table["viewpoint"].fill_null("")
        self.viewpoint = np.asarray(viewpoints.to_pylist(), dtype=object)
        self._box = table["box"]
        with (folder / REJECTED).open(newline="", encoding="utf-8") as file:
            self.num_rejected = sum(1 for _ in csv.DictReader(file))
        self._source = open_source(facts["kind"], facts["path"])

    def __len__(self) -> int:
        return len(self.path)

    def ids(self, split: str) -> IntArray:
        """The image ids of a split."""
        return np.flatnonzero(self.split == split)

    def load(self, image_id: int) -> Image.Image:
        """The photo, RGB; of a picture with a box, what the box holds.

        Raises:
            MirageError: it is not where it was, or no longer readable.
        """
        name = self.path[image_id]
        try:
            return decode(self._source.read(name), self.max_pixels, self._box[image_id].as_py())
        except (OSError, KeyError, UndecodableError) as error:
            raise MirageError(
                f"a photo of the manifest can no longer be read: {error}",
                where=str(name),
                todo="put it back, or run `mirage images` again",
            ) from error

    def load_square(self, image_id: int, size: int) -> ByteArray:
        """[size, size, 3] uint8."""
        return to_square(self.load(image_id), size, self.fit)

    def batches(
        self, ids: IntArray, size: int, batch_size: int
    ) -> Iterator[tuple[IntArray, ByteArray]]:
        """Yield (ids [B], [B, size, size, 3] uint8) in order, decoded on a few threads."""
        squares = _in_order(lambda i: self.load_square(int(i), size), list(ids), 2 * batch_size)
        for start in range(0, len(ids), batch_size):
            part = np.asarray(ids[start : start + batch_size])
            yield part, np.stack(list(islice(squares, len(part))))


def open_images(folder: Path) -> ImageSet:
    """The photos of a run's images/ folder.

    Raises:
        MirageError: the folder is not complete, or its source has moved away.
    """
    try:
        return ImageSet(folder)
    except (OSError, pa.ArrowException, ValueError, KeyError) as error:
        raise MirageError(
            "the images of this run cannot be read",
            where=str(folder),
            todo="run `mirage images` again",
        ) from error
