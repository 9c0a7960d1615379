"""Labels written in pieces are read as a whole."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mirage.core.contracts import PoseLabels
from mirage.core.errors import MirageError
from mirage.images.column import Column
from mirage.poses.labels import read_labels, write_labels


def some_labels(num: int, seed: int) -> PoseLabels:
    rng = np.random.default_rng(seed)
    topk, weight = rng.integers(0, 5, (num, 3)), rng.random((num, 3)).astype(np.float32)
    confidence, azimuth = rng.random((2, num)).astype(np.float32)
    outlier, error = rng.random(num) < 0.5, rng.random(num).astype(np.float32)
    return PoseLabels(topk[:, 0], confidence, 360 * azimuth, topk, weight, outlier, error)


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    table = pa.table({"path": [f"{i}.png" for i in range(25)], "split": ["train"] * 25})
    pq.write_table(table, tmp_path / "manifest.parquet", row_group_size=7)
    return tmp_path / "manifest.parquet"


def test_pieces_come_back_in_order(tmp_path: Path, manifest: Path) -> None:
    parts = [some_labels(num, seed) for seed, num in enumerate((10, 10, 5))]
    columns = Column(manifest, "path"), Column(manifest, "split")
    write_labels(tmp_path / "labels.parquet", iter(parts), *columns)
    read, whole = read_labels(tmp_path / "labels.parquet"), PoseLabels.join(parts)
    for name in (field.name for field in fields(PoseLabels)):
        np.testing.assert_array_equal(getattr(read, name), getattr(whole, name))
    rows = pq.read_table(tmp_path / "labels.parquet")
    assert rows["image_id"].to_pylist() == list(range(25))
    assert rows["path"].to_pylist() == [f"{i}.png" for i in range(25)]


def test_labels_of_a_circle_that_nothing_times_have_no_error(
    tmp_path: Path, manifest: Path
) -> None:
    labels = replace(some_labels(25, 0), azimuth_error=None)
    columns = Column(manifest, "path"), Column(manifest, "split")
    write_labels(tmp_path / "labels.parquet", [labels], *columns)
    read = read_labels(tmp_path / "labels.parquet")
    assert read.azimuth_error is None and read.take(np.arange(3)).azimuth_error is None
    assert PoseLabels.join([labels, labels]).azimuth_error is None


def test_a_stopped_write_leaves_the_labels_before_it(tmp_path: Path, manifest: Path) -> None:
    columns = Column(manifest, "path"), Column(manifest, "split")
    write_labels(tmp_path / "labels.parquet", [some_labels(25, 0)], *columns)

    def stopped():  # type: ignore[no-untyped-def]
        yield some_labels(10, 1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_labels(tmp_path / "labels.parquet", stopped(), *columns)
    np.testing.assert_array_equal(
        read_labels(tmp_path / "labels.parquet").pose, some_labels(25, 0).pose
    )
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("content", [None, b"nonsense"])
def test_missing_and_damaged_files_are_told(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "labels.parquet").write_bytes(content)
    with pytest.raises(MirageError, match="labels cannot be read"):
        read_labels(tmp_path / "labels.parquet")
