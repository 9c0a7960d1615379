"""labels.parquet: what pose discovery says of every image of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mirage.contracts import IntArray, PoseLabels
from mirage.errors import MirageError


def write_labels(
    path: Path, image_id: IntArray, paths: Sequence[str], split: Sequence[str], labels: PoseLabels
) -> None:
    """One row an image: its id, path and split, and the fields of its label."""
    table = pa.table(
        {
            "image_id": pa.array(image_id, pa.int64()),
            "path": pa.array(list(paths), pa.string()),
            "split": pa.array(list(split), pa.string()),
            "pose": pa.array(labels.pose, pa.int64()),
            "confidence": pa.array(labels.confidence, pa.float32()),
            "azimuth": pa.array(labels.azimuth, pa.float32()),
            "topk": pa.array(labels.topk.tolist(), pa.list_(pa.int64())),
            "topk_weight": pa.array(labels.topk_weight.tolist(), pa.list_(pa.float32())),
            "outlier": pa.array(labels.outlier, pa.bool_()),
        }
    )
    temporary = path.with_suffix(".tmp")
    pq.write_table(table, temporary)
    temporary.replace(path)


def read_labels(path: Path) -> PoseLabels:
    """The labels of all images, in the order of their ids.

    Raises:
        MirageError: the file is missing or damaged.
    """
    try:
        table = pq.read_table(path).sort_by("image_id")
    except (OSError, pa.ArrowException) as error:
        raise MirageError(
            "the pose labels cannot be read", where=str(path), todo="run `mirage poses` again"
        ) from error
    return PoseLabels(
        pose=table["pose"].to_numpy(),
        confidence=table["confidence"].to_numpy(),
        azimuth=table["azimuth"].to_numpy(),
        topk=np.stack(table["topk"].to_numpy()),
        topk_weight=np.stack(table["topk_weight"].to_numpy()),
        outlier=table["outlier"].to_numpy(),
    )


def concatenate(parts: Sequence[PoseLabels]) -> PoseLabels:
    """The labels of several batches as one."""
    names = [field.name for field in fields(PoseLabels)]
    return PoseLabels(*(np.concatenate([getattr(p, n) for p in parts]) for n in names))
