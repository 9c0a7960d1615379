"""A column behaves as the array of its values, whatever its row groups."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mirage.images.column import Column

NAMES = np.array([f"photo {i}" for i in range(23)], dtype=object)


@pytest.fixture(params=[1, 5, 23, 100])
def file(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    table = pa.table({"name": NAMES, "box": [[i, i + 1] if i % 2 else None for i in range(23)]})
    pq.write_table(table, tmp_path / "table.parquet", row_group_size=request.param)
    return tmp_path / "table.parquet"


def test_it_is_indexed_like_an_array(file: Path) -> None:
    column = Column(file, "name")
    assert len(column) == 23 and list(column) == NAMES.tolist()
    assert [column[i] for i in (0, 22, 4, 5, -1)] == NAMES[[0, 22, 4, 5, -1]].tolist()
    assert column[3:12].tolist() == NAMES[3:12].tolist()
    rows = np.array([20, 0, 0, 7, 13])
    assert column[rows].tolist() == NAMES[rows].tolist()
    with pytest.raises(IndexError):
        column[23]


def test_values_may_be_lists_or_missing(file: Path) -> None:
    assert Column(file, "box")[2:4].tolist() == [None, [3, 4]]
    assert Column(file, "box", missing=())[2:4].tolist() == [(), [3, 4]]
    assert Column(file, "viewpoint", missing="")[np.array([0, 22])].tolist() == ["", ""]


def test_threads_do_not_disturb_one_another(file: Path) -> None:
    column = Column(file, "name")
    rows = np.random.default_rng(0).integers(0, 23, 400)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda i: column[i], rows)) == NAMES[rows].tolist()
