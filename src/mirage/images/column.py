"""A column of a Parquet file that is read where it is looked at, not as a whole."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

_GROUPS = 4  # row groups kept: neighbours are asked for together


class Column:
    """[N] values of any kind; indexed by a number, a slice or an array of numbers, like an array.

    A row group is read when a value in it is asked for, and a few of the last are kept, so that
    memory does not grow with N. Several threads may read. What is not there, be it a value or the
    whole column, is `missing`.
    """

    def __init__(self, path: Path, name: str, missing: Any = None) -> None:
        self._file, self._name, self._lock = pq.ParquetFile(path), name, Lock()
        self._missing = missing
        facts = self._file.metadata
        sizes = [facts.row_group(group).num_rows for group in range(facts.num_row_groups)]
        self._ends = np.cumsum(sizes)
        self._group = lru_cache(_GROUPS)(self._read_group)

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def __getitem__(self, rows: Any) -> Any:
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(len(self)))
        if np.ndim(rows) == 0:
            return self._value(int(rows))
        values: npt.NDArray[np.object_] = np.empty(len(rows), dtype=object)
        for place, row in enumerate(rows):
            values[place] = self._value(int(row))
        return values

    def _value(self, row: int) -> Any:
        if not -len(self) <= row < len(self):
            raise IndexError(f"row {row} of {len(self)}")
        row %= len(self)
        group = int(np.searchsorted(self._ends, row, side="right"))
        values = self._group(group)
        value = values[row - int(self._ends[group]) + len(values)].as_py()
        return self._missing if value is None else value

    def _read_group(self, group: int) -> pa.ChunkedArray:
        if self._name not in self._file.schema_arrow.names:
            return pa.chunked_array([pa.nulls(self._file.metadata.row_group(group).num_rows)])
        with self._lock:
            return self._file.read_row_group(group, [self._name])[self._name]
