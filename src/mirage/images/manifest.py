"""The photos of a source are looked at once, and written down: manifest.parquet, rejected.csv."""

from __future__ import annotations

import csv
import json
import shutil
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mirage.config import ImagesConfig
from mirage.core.contracts import HELDOUT, TRAIN, IntArray
from mirage.core.errors import MirageError
from mirage.core.files import replacing
from mirage.distributed.ranks import ALONE, Ranks
from mirage.images.copies import first_of_same_bytes, looks, usable_photos
from mirage.images.sources.registry import open_source
from mirage.images.sources.remote import absolute, is_url
from mirage.images.sources.source import SUFFIXES
from mirage.images.split import highest_heldout, object_hashes
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
    facts = {
        "kind": kind,
        "path": _path_from(folder, path),
        "fit": config.fit,
        "max_pixels": config.max_pixels,
    }
    with replacing(folder / SOURCE) as temporary:
        temporary.write_text(json.dumps(facts))


def _path_from(folder: Path, path: str) -> str:
    """The path of a source, wherever the images/ folder is moved: what is in it moves along."""
    where = absolute(path)
    own = folder.resolve()
    inside = not is_url(where) and Path(where).is_relative_to(own)
    return str(Path(where).relative_to(own)) if inside else where


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
