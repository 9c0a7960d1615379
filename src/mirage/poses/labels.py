"""labels.parquet: what pose discovery says of every image of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mirage.core.contracts import PoseLabels
from mirage.core.errors import MirageError
from mirage.core.files import replacing
from mirage.images.column import Column

_SCHEMA = pa.schema(
    {
        "image_id": pa.int64(),
        "path": pa.string(),
        "split": pa.string(),
        "pose": pa.int64(),
        "confidence": pa.float32(),
        "azimuth": pa.float32(),
        "topk": pa.list_(pa.int64()),
        "topk_weight": pa.list_(pa.float32()),
        "outlier": pa.bool_(),
        "azimuth_error": pa.float32(),
    }
)


def write_labels(path: Path, labels: Iterable[PoseLabels], paths: Column, split: Column) -> None:
    """One row an image: its id, path and split, and the fields of its label.

    Args:
        labels: of the images in the order of their ids, in pieces; a piece is a row group.
        paths, split: of all images.
    """
    start = 0
    with replacing(path) as temporary, pq.ParquetWriter(temporary, _SCHEMA) as writer:
        for part in labels:
            rows = slice(start, start + len(part))
            columns = {
                "image_id": np.arange(rows.start, rows.stop),
                "path": paths[rows],
                "split": split[rows],
                "pose": part.pose,
                "confidence": part.confidence,
                "azimuth": part.azimuth,
                "topk": list(part.topk),
                "topk_weight": list(part.topk_weight),
                "outlier": part.outlier,
                "azimuth_error": [None] * len(part)
                if part.azimuth_error is None
                else part.azimuth_error,
            }
            writer.write_table(pa.table(columns, _SCHEMA))
            start = rows.stop


def read_azimuths(path: Path) -> dict[str, float]:
    """The azimuth of every image by its path in the source, degrees.

    Raises:
        MirageError: the file is missing or damaged.
    """
    with _explained(path):
        table = pq.read_table(path, columns=["path", "azimuth"])
        return dict(zip(table["path"].to_pylist(), table["azimuth"].to_pylist(), strict=True))


def read_labels(path: Path) -> PoseLabels:
    """The labels of all images, in the order of their ids: some 50 bytes an image.

    Raises:
        MirageError: the file is missing or damaged.
    """
    flat, wide = ("pose", "confidence", "azimuth", "outlier"), ("topk", "topk_weight")
    with _explained(path):
        table = pq.read_table(path)
        columns = {name: table[name].combine_chunks() for name in table.column_names}
        arrays = {name: columns[name].to_numpy(zero_copy_only=False) for name in flat}
        for name in wide:
            arrays[name] = columns[name].flatten().to_numpy().reshape(len(table), -1)
        error = columns.get("azimuth_error")  # not in labels of older versions
        if error is not None and not error.null_count:
            arrays["azimuth_error"] = error.to_numpy(zero_copy_only=False)
    return PoseLabels(**arrays)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """What goes wrong in reading the labels becomes a MirageError."""
    try:
        yield
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        raise MirageError(
            "the pose labels cannot be read", where=str(path), todo="run `mirage poses` again"
        ) from error
