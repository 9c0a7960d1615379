"""Looking at every photo of a source once: what it is, or why it cannot be used.

Photos are looked at in blocks in the order of the source; the facts of a block are a file, and a
block that is there is not looked at again: that is how a stopped survey goes on. Memory holds one
block.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from mirage.config import ImagesConfig
from mirage.files import replacing
from mirage.images.decode import UndecodableError, decode
from mirage.images.entry import Entry, Source
from mirage.images.progress import counting

S = TypeVar("S")
T = TypeVar("T")

_THREADS = 4  # Pillow decodes outside the interpreter lock
_BLOCK = 4096  # photos
_FACTS = pa.schema(
    {
        "path": pa.string(),
        "object_id": pa.string(),
        "azimuth": pa.float64(),
        "split": pa.string(),
        "refused": pa.string(),
        "viewpoint": pa.string(),
        "box": pa.list_(pa.int32()),
        "width": pa.int64(),
        "height": pa.int64(),
        "num_bytes": pa.int64(),
        "sha256": pa.string(),
    }
)  # what the source says, why the photo is refused (empty if it is not), and what it is


@dataclass(frozen=True)
class Survey:
    """The facts of all photos of a source, in files of `_FACTS`.

    Attributes:
        folder: where the files are.
    """

    folder: Path

    def complete(self, source: Source, config: ImagesConfig) -> None:
        """Look at the photos that were not looked at yet."""
        entries = source.entries()
        total = sum(1 for _ in source.entries())
        with counting("images", total) as count:
            for block in range(-(-total // _BLOCK)):
                part = list(islice(entries, _BLOCK))
                if self._path(block).exists():
                    count(len(part))
                    continue
                facts = []
                for checked in in_order(lambda entry: _check(source, entry, config), part):
                    facts.append(checked)
                    count(1)
                with replacing(self._path(block)) as temporary:
                    pq.write_table(pa.Table.from_pylist(facts, _FACTS), temporary)

    def __iter__(self) -> Iterator[pa.Table]:
        """The facts, block by block."""
        for file in sorted(self.folder.glob("[0-9]*.parquet")):
            yield pq.read_table(file)

    def path_of(self, row: int) -> str:
        """How the source names its photo number `row`."""
        column = pq.read_table(self._path(row // _BLOCK), columns=["path"])["path"]
        return str(column[row % _BLOCK].as_py())

    def _path(self, block: int) -> Path:
        return self.folder / f"{block:07d}.parquet"


def in_order(work: Callable[[S], T], items: Sequence[S], ahead: int = 64) -> Iterator[T]:
    """`work` of each item, in order, on a few threads and at most `ahead` items early."""
    with ThreadPoolExecutor(_THREADS) as pool:
        waiting = iter(items)
        running = [pool.submit(work, item) for item in islice(waiting, ahead)]
        while running:
            yield running.pop(0).result()
            running.extend(pool.submit(work, item) for item in islice(waiting, 1))


def _check(source: Source, entry: Entry, config: ImagesConfig) -> dict[str, object]:
    facts = asdict(entry)
    if entry.refused:
        return facts
    try:
        data = source.read(entry.path)
        image = decode(data, config.max_pixels, entry.box)
    except UndecodableError as error:
        return facts | {"refused": str(error)}
    except (OSError, EOFError) as error:
        return facts | {"refused": f"unreadable: {type(error).__name__}"}
    if min(image.size) < config.min_side:
        return facts | {"refused": f"tiny: {image.width} × {image.height} pixels"}
    return facts | {
        "width": image.width,
        "height": image.height,
        "num_bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
