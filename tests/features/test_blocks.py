"""Rows in files: whatever the order of work, its processes and its interruptions, the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mirage.core.contracts import FloatArray, IntArray
from mirage.distributed.ranks import ALONE, Ranks
from mirage.features.blocks import Blocks

ROWS = np.random.default_rng(0).normal(size=(53, 3)).astype(np.float32)


class Work:
    """Hands out `ROWS` in batches of 4, notes which were asked for, and fails when told to."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.done: list[int] = []
        self.fails_at = fails_at

    def __call__(self, rows: IntArray) -> Iterator[FloatArray]:
        for start in range(0, len(rows), 4):
            part = rows[start : start + 4]
            if self.fails_at is not None and self.fails_at in part:
                raise KeyboardInterrupt
            self.done += part.tolist()
            yield ROWS[part]


@pytest.mark.parametrize("size", [8, 53, 64])
def test_rows_come_back_as_they_were(tmp_path: Path, size: int) -> None:
    blocks = Blocks(tmp_path / "rows", 53, size)
    blocks.fill(Work(), "test", ALONE)
    np.testing.assert_array_equal(blocks.read(), ROWS)
    assert len(list(blocks)) == len(blocks) == len(list((tmp_path / "rows").iterdir()))
    some = np.array([0, 7, 8, 9, 31, 52])
    np.testing.assert_array_equal(blocks.take(some), ROWS[some])


def test_a_stopped_fill_does_only_what_is_missing(tmp_path: Path) -> None:
    blocks = Blocks(tmp_path, 53, 8)
    with pytest.raises(KeyboardInterrupt):
        blocks.fill(Work(fails_at=29), "test", ALONE)
    rest = Work()
    blocks.fill(rest, "test", ALONE)
    assert rest.done == list(range(24, 53))  # the block that was in hand, and those after it
    np.testing.assert_array_equal(blocks.read(), ROWS)
    assert len(list(tmp_path.iterdir())) == 7  # nothing half-written is left


def test_a_block_cut_short_is_computed_again(tmp_path: Path) -> None:
    blocks = Blocks(tmp_path, 53, 8)
    blocks.fill(Work(), "test", ALONE)
    second = sorted(tmp_path.iterdir())[1]
    second.write_bytes(second.read_bytes()[:-5])
    rest = Work()
    blocks.fill(rest, "test", ALONE)
    assert rest.done == list(range(8, 16))
    np.testing.assert_array_equal(blocks.read(), ROWS)


def test_processes_share_the_blocks(tmp_path: Path) -> None:
    blocks = Blocks(tmp_path, 53, 8)
    shares = [Work() for _ in range(3)]
    for rank, share in enumerate(shares):
        blocks.fill(share, "test", Ranks(rank, 3))
    assert sorted(row for share in shares for row in share.done) == list(range(53))
    assert all(share.done for share in shares)
    np.testing.assert_array_equal(blocks.read(), ROWS)
