"""An array with a row a photo, in files of a fixed number of rows: more than memory holds.

Block k is computed by process k mod world, and one that is there is never computed again: that is
how a stopped command goes on. A block's photos pass through the network in the same batches
whoever computes it, so that the numbers do not depend on the number of processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mirage.core.contracts import FloatArray, IntArray
from mirage.core.files import replacing
from mirage.core.progress import counting
from mirage.distributed.ranks import Ranks


@dataclass(frozen=True)
class Blocks:
    """[N, …] in ceil(N / size) files.

    Attributes:
        folder: where the files are.
        num_rows: N.
        size: rows of a file; the last one may have fewer.
    """

    folder: Path
    num_rows: int
    size: int

    def __len__(self) -> int:
        return -(-self.num_rows // self.size)

    def __iter__(self) -> Iterator[FloatArray]:
        """The blocks in order, one at a time in memory."""
        return (np.load(self._path(block)) for block in range(len(self)))

    def read(self) -> FloatArray:
        """All rows; for arrays that memory holds."""
        return np.concatenate(list(self))

    def take(self, rows: IntArray) -> FloatArray:
        """The rows with these numbers, which must ascend."""
        found = []
        for block in np.unique(rows // self.size):
            inside = rows[rows // self.size == block] - block * self.size
            found.append(np.load(self._path(int(block)), mmap_mode="r")[inside])
        return np.concatenate(found)

    def fill(
        self, compute: Callable[[IntArray], Iterable[FloatArray]], what: str, ranks: Ranks
    ) -> None:
        """Compute the blocks of this process that are not there yet.

        Args:
            compute: row numbers [n] → arrays [b, …] that one after another are those rows.
            what: what the progress bar says.
        """
        missing = [block for block in ranks.share(len(self)) if not self._is_there(block)]
        total = sum(len(self._rows(block)) for block in missing)
        with counting(what, total, ranks.is_first) as count:
            for block in missing:
                parts = []
                for part in compute(self._rows(block)):
                    parts.append(part)
                    count(len(part))
                with replacing(self._path(block)) as temporary:
                    np.save(temporary, np.concatenate(parts))

    def _rows(self, block: int) -> IntArray:
        return np.arange(block * self.size, min((block + 1) * self.size, self.num_rows))

    def _path(self, block: int) -> Path:
        return self.folder / f"{block:07d}.npy"

    def _is_there(self, block: int) -> bool:
        try:
            return len(np.load(self._path(block), mmap_mode="r")) == len(self._rows(block))
        except (OSError, ValueError):  # missing, or cut short by a full disk or a power cut
            return False
