"""A run's photos: manifest.parquet, rejected.csv, and the ImageSet that later stages read."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from copy import copy
from functools import cache, cached_property, partial
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from PIL import Image

from mirage.config import ImagesConfig
from mirage.core.contracts import HELDOUT, TRAIN, ByteArray, FloatArray, IntArray
from mirage.core.errors import MirageError
from mirage.core.files import facts_of, files_at, fingerprint, path_of, replacing
from mirage.distributed.ranks import ALONE, Ranks
from mirage.distributed.threads import in_order
from mirage.images.column import Column
from mirage.images.copies import first_of_same_bytes, looks, usable_photos
from mirage.images.decode import UndecodableError, decode, reads_heic
from mirage.images.sources.folder import photos_below
from mirage.images.sources.registry import open_source
from mirage.images.sources.remote import absolute, is_url
from mirage.images.sources.shards import ShardsSource
from mirage.images.sources.source import HEIC_SUFFIXES, SUFFIXES, Entry, Source
from mirage.images.split import highest_heldout, object_hashes
from mirage.images.squares import to_frame, to_square
from mirage.images.survey import Survey
from mirage.images.turntable.render import name_set, render_set

MANIFEST, REJECTED, SOURCE = "manifest.parquet", "rejected.csv", "source.json"
# A column that a manifest does not have yet is read as unknown.
COLUMNS = pa.schema(
    {
        "image_id": pa.int64(),
        "path": pa.string(),
        "width": pa.int64(),
        "height": pa.int64(),
        "offset": pa.int64(),
        "num_bytes": pa.int64(),
        "sha256": pa.string(),
        "split": pa.string(),
        "object_id": pa.string(),
        "azimuth": pa.float64(),
        "viewpoint": pa.string(),
        "box": pa.list_(pa.int32()),
    }
)

_SEEN = ("path", "sha256", "split", "object_id", "azimuth", "viewpoint", "box")
_FACTS = 2  # what a survey finds; one of an earlier version is dropped


def build_manifest(
    config: ImagesConfig, folder: Path, key: str = "all", ranks: Ranks = ALONE
) -> None:
    """Look at every photo of the source and write the manifest and the rejections.

    Processes look at the photos together, each at a share, and the first one writes the outcome;
    all must call this.

    Rejected, with a reason, and no hindrance to the rest: unreadable, truncated, tiny, absurdly
    large and duplicate files. Photos of no known object that look the same, as small copies do, are
    one object: they stay in one split. A stopped one goes on where it was. Memory holds some 400
    bytes a photo, to find copies and to draw the split.

    Args:
        key: names what the outcome depends on; what was looked at under another key is dropped.

    Raises:
        MirageError: the source cannot be read, or too few photos are usable.
    """
    work, key = folder / "work", f"{key}-{_FACTS}"
    if ranks.is_first:
        folder.mkdir(parents=True, exist_ok=True)
        for other in work.glob("*"):
            if other.name != key:
                shutil.rmtree(other)
    kind, path = _locate(config, folder, ranks)
    survey = Survey(work / key)
    survey.complete(open_source(kind, path), config, ranks)
    if ranks.is_first:
        try:
            _write_outcome(config, folder, survey, kind, path)
        except MirageError:
            shutil.rmtree(work)  # what reads more photos may be installed before the next try
            raise
        shutil.rmtree(work)


def _locate(config: ImagesConfig, folder: Path, ranks: Ranks) -> tuple[str, str]:
    """The kind of the source and where it is; renders a turntable."""
    if config.source == "turntable":
        set_folder = folder / "turntable" / name_set(config.turntable)
        table = str(render_set(config.turntable, set_folder)) if ranks.is_first else ""
        return "csv", ranks.gather(table)[0]
    if config.path is None:
        raise MirageError(
            f"images.source={config.source} needs a path",
            where="configuration key images.path",
            todo="add images.path=FOLDER (or a file with images.source=tar or csv, or shards)",
        )
    return config.source, config.path


def _write_outcome(
    config: ImagesConfig, folder: Path, survey: Survey, kind: str, path: str
) -> None:
    first = first_of_same_bytes(survey)
    reasons = _write_rejected(folder / REJECTED, survey, first)
    num_usable = len(first) - reasons.total()
    if len(first) == 0:
        raise MirageError(
            "there is no photo in it",
            where=path,
            todo=f"give photos, named *{', *'.join(sorted(SUFFIXES))}",
        )
    if num_usable < config.min_count:
        listed = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
        raise MirageError(
            f"{num_usable} usable photos, at least {config.min_count} are needed"
            + (f" (rejected: {listed})" if listed else ""),
            where=path,
            todo=f"see {folder / REJECTED}, add photos (poses take hundreds, see docs/poses.md), "
            "or lower images.min_count",
        )
    _write_manifest(folder / MANIFEST, survey, first, config, path)
    facts = {"kind": kind, "path": _path_from(folder, path), "fit": config.fit,
             "max_pixels": config.max_pixels}  # fmt: skip
    with replacing(folder / SOURCE) as temporary:
        temporary.write_text(json.dumps(facts))


def _path_from(folder: Path, path: str) -> str:
    """The path of a source, wherever the images/ folder is moved: what is in it moves along."""
    where = absolute(path)
    own = folder.resolve()
    inside = not is_url(where) and Path(where).is_relative_to(own)
    return str(Path(where).relative_to(own)) if inside else where


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


def _write_rejected(path: Path, survey: Survey, first: IntArray) -> Counter[str]:
    """How many were rejected, by reason."""
    reasons: Counter[str] = Counter()
    start = 0
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "reason"))
        for table in survey:
            rows = np.arange(start, start + len(table))
            start += len(table)
            for place in np.flatnonzero(first[rows] != rows):
                reason = table["refused"][place].as_py()
                if not reason:
                    reason = f"duplicate: of {survey.path_of(int(first[rows[place]]))}"
                writer.writerow((table["path"][place].as_py(), reason))
                reasons[reason.split(":")[0]] += 1
    return reasons


def _write_manifest(
    path: Path, survey: Survey, first: IntArray, config: ImagesConfig, source: str
) -> None:
    tables = partial(usable_photos, survey, first, looks(survey, first))
    hashes = [object_hashes(table["object_id"].to_pylist(), config.seed) for table in tables()]
    limit = highest_heldout(np.concatenate(hashes), config.heldout_fraction)
    found: set[str] = set()
    start = 0
    with replacing(path) as temporary, pq.ParquetWriter(temporary, COLUMNS) as writer:
        for table, hashed in zip(tables(), hashes, strict=True):
            drawn = np.where(hashed <= limit, HELDOUT, TRAIN).tolist()
            given = table["split"].to_pylist()
            split = [asked or side for asked, side in zip(given, drawn, strict=True)]
            columns = {name: table[name] for name in COLUMNS.names if name in table.column_names}
            columns |= {"image_id": np.arange(start, start + len(table)), "split": split}
            writer.write_table(pa.table({n: columns[n] for n in COLUMNS.names}, COLUMNS))
            found |= set(split)
            start += len(table)
        for side in (TRAIN, HELDOUT):
            if side not in found:
                raise MirageError(
                    f"no photo is in the split {side!r}",
                    where=source,
                    todo="let the split column name both, or leave it empty; "
                    "one object is not enough",
                )


class ImageSet:
    """The usable photos of a run, by image id (0 to N − 1).

    What is known of them is read where it is looked at: memory does not grow with N.

    Attributes:
        path, split, object_id: [N] strings.
        viewpoint: [N] named sides they were seen from, empty where unknown; for evaluation only.
        num_rejected: photos that were not usable.
    """

    def __init__(self, folder: Path) -> None:
        self._manifest, self._folder = folder / MANIFEST, folder
        facts = json.loads((folder / SOURCE).read_text())
        self.fit, self.max_pixels = str(facts["fit"]), int(facts["max_pixels"])
        self.path = Column(self._manifest, "path")
        self.split = Column(self._manifest, "split")
        self.object_id = Column(self._manifest, "object_id")
        self.viewpoint = Column(self._manifest, "viewpoint", missing="")
        self._place = {
            name: Column(self._manifest, name) for name in ("box", "offset", "num_bytes")
        }
        with (folder / REJECTED).open(newline="", encoding="utf-8") as file:
            self.num_rejected = sum(1 for _ in csv.DictReader(file))
        self._kind, self._path = str(facts["kind"]), str(facts["path"])
        self._width, self._height = (Column(self._manifest, n) for n in ("width", "height"))
        self._windows: FloatArray | None = None

    def framed(self, windows: FloatArray) -> ImageSet:
        """The same photos, of which squares show what is seen through windows [N, 3].

        Args:
            windows: left, top and side, as of `squares.Window`; NaN leaves a photo as it is.
        """
        framed = copy(self)
        framed._windows = windows
        return framed

    def __len__(self) -> int:
        return len(self.path)

    @cached_property
    def _source(self) -> Source:
        """Opened where a photo is read: what is known of the photos outlives them."""
        path = self._path if is_url(self._path) else str(self._folder / self._path)
        try:
            return open_source(self._kind, path)
        except MirageError as error:
            raise MirageError(
                f"the photos of this run are not where they were: {error.what}",
                where=str(self._folder),
                todo="put them back, or tell where they are now with `mirage images "
                f"images.path=PATH run={self._folder.parent}`: nothing else is done anew",
            ) from error

    @cached_property
    def azimuth(self) -> FloatArray:
        """[N] true azimuth in degrees, NaN where unknown; for evaluation only."""
        return pq.read_table(self._manifest, columns=["azimuth"])["azimuth"].to_numpy()

    def ids(self, split: str) -> IntArray:
        """The image ids of a split, ascending; 8 bytes an image."""
        batches = pq.ParquetFile(self._manifest).iter_batches(columns=["split"])
        chosen = [np.asarray(pc.equal(batch["split"], split)) for batch in batches]
        return np.flatnonzero(np.concatenate(chosen))

    def median_side(self) -> int:
        """Of the photos' sides that become the square's, pixels: the longer ones where it pads."""
        table = pq.read_table(self._manifest, columns=["width", "height"])
        sides = np.stack([table["width"].to_numpy(), table["height"].to_numpy()])
        return int(np.median(sides.max(axis=0) if self.fit == "pad" else sides.min(axis=0)))

    def size_of(self, image_id: int) -> tuple[int, int]:
        """Width and height of a photo, pixels."""
        return int(self._width[image_id]), int(self._height[image_id])

    def load(self, image_id: int) -> Image.Image:
        """The photo, RGB; of a picture with a box, what the box holds.

        Raises:
            MirageError: it is not where it was, or no longer readable.
        """
        place = {name: column[image_id] for name, column in self._place.items()}
        entry = Entry(self.path[image_id], **place)
        try:
            return decode(self._source.read(entry), self.max_pixels, entry.box)
        except (OSError, KeyError, UndecodableError) as error:
            raise MirageError(
                f"a photo of the manifest can no longer be read: {error}",
                where=entry.path,
                todo="put it back, or run `mirage images` again",
            ) from error

    def load_square(self, image_id: int, size: int) -> ByteArray:
        """[size, size, 3] uint8."""
        window = None if self._windows is None else self._windows[image_id]
        if window is None or np.isnan(window).any():
            return to_square(self.load(image_id), size, self.fit)
        left, top, side = window.tolist()
        return to_frame(self.load(image_id), size, (left, top, side))

    def batches(
        self, ids: IntArray, size: int, batch_size: int
    ) -> Iterator[tuple[IntArray, ByteArray]]:
        """Yield (ids [B], [B, size, size, 3] uint8) in order, decoded on all processors."""
        squares = in_order(
            lambda i: self.load_square(int(i), size), list(ids), ahead=2 * batch_size
        )
        for start in range(0, len(ids), batch_size):
            part = np.asarray(ids[start : start + batch_size])
            yield part, np.stack(list(islice(squares, len(part))))


def open_images(folder: Path) -> ImageSet:
    """The photos of a run's images/ folder.

    Raises:
        MirageError: the folder is not complete.
    """
    try:
        return ImageSet(folder)
    except (OSError, pa.ArrowException, ValueError, KeyError) as error:
        raise MirageError(
            "the images of this run cannot be read",
            where=str(folder),
            todo="run `mirage images` again",
        ) from error
