"""Looking at every photo of a source once: what it is, or why it cannot be used.

The source is listed in parts, and what was listed is looked at in blocks; a part and a block are a
file each, made by one process, and one that is there is not made again: that is how processes share
a survey and how a stopped one goes on. Blocks are in the order of the source, whoever looked at
them. Memory holds one block.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mirage.config import ImagesConfig
from mirage.core.files import replacing
from mirage.core.progress import counting
from mirage.distributed.ranks import ALONE, Ranks
from mirage.distributed.threads import in_order
from mirage.images.decoding.decode import UndecodableError, decode
from mirage.images.sketches import sketch
from mirage.images.sources.source import Entry, Source

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
        "offset": pa.int64(),
        "num_bytes": pa.int64(),
        "sha256": pa.string(),
        "sketch": pa.binary(),
    }
)  # what the source says, why the photo is refused (empty if it is not), and what it is
_LISTED = pa.schema([field for field in _FACTS if field.name in Entry.__dataclass_fields__])


@dataclass(frozen=True)
class Survey:
    """The facts of all photos of a source, in files of `_FACTS`.

    Attributes:
        folder: where the files are, those of the listing in `listed/`.
    """

    folder: Path

    def complete(self, source: Source, config: ImagesConfig, ranks: Ranks = ALONE) -> None:
        """Look at the photos that were not looked at yet; all processes together.

        Each must call this, and all return when every photo was looked at.
        """
        self._list(source, ranks)
        ranks.wait()
        own = ranks.share(len(self._blocks))
        total = sum(block.num_rows for block in self._blocks)
        with counting("images", total, ranks.is_first) as count:
            for number, block in enumerate(self._blocks):
                if number not in own or self._path(number).exists():
                    count(block.num_rows)  # the others are about as far as this one
                    continue
                facts = []
                for checked in in_order(lambda e: _check(source, e, config), block.read()):
                    facts.append(checked)
                    count(1)
                with replacing(self._path(number)) as temporary:
                    pq.write_table(pa.Table.from_pylist(facts, _FACTS), temporary)
        ranks.wait()

    def __iter__(self) -> Iterator[pa.Table]:
        """The facts, block by block."""
        return (pq.read_table(self._path(block)) for block in range(len(self._blocks)))

    def path_of(self, row: int) -> str:
        """How the source names its photo number `row`."""
        ends = np.cumsum([block.num_rows for block in self._blocks])
        block = int(np.searchsorted(ends, row, side="right"))
        column = pq.read_table(self._path(block), columns=["path"])["path"]
        return str(column[row - int(ends[block]) + len(column)].as_py())

    def _list(self, source: Source, ranks: Ranks) -> None:
        """List this process's parts, a row group a block."""
        # The source may change under way: one process says what there is to share.
        parts = ranks.gather(source.parts() if ranks.is_first else [])[0]
        mine = [part for part in ranks.share(len(parts)) if not self._listing(part).exists()]
        with counting("list", len(mine), ranks.is_first) as count:
            for part in mine:
                entries = source.entries(parts[part])
                with (
                    replacing(self._listing(part)) as temporary,
                    pq.ParquetWriter(temporary, _LISTED) as writer,
                ):
                    while block := [asdict(entry) for entry in islice(entries, _BLOCK)]:
                        writer.write_table(pa.Table.from_pylist(block, _LISTED))
                count(1)

    @cached_property
    def _blocks(self) -> list[_Block]:
        """What was listed; one part's blocks hold nothing of another's."""
        return [
            block
            for part in range(len(list(self.folder.glob("listed/[0-9]*.parquet"))))
            for block in _blocks_of(self._listing(part))
        ]

    def _listing(self, part: int) -> Path:
        return self.folder / "listed" / f"{part:07d}.parquet"

    def _path(self, block: int) -> Path:
        return self.folder / f"{block:07d}.parquet"


@dataclass(frozen=True)
class _Block:
    """Photos that one process looks at: a row group of a listing."""

    listing: Path
    group: int
    num_rows: int

    def read(self) -> list[Entry]:
        rows = pq.ParquetFile(self.listing).read_row_group(self.group).to_pylist()
        return [Entry(**row) for row in rows]


def _blocks_of(listing: Path) -> list[_Block]:
    facts = pq.ParquetFile(listing).metadata
    groups = range(facts.num_row_groups)
    return [_Block(listing, group, facts.row_group(group).num_rows) for group in groups]


def _check(source: Source, entry: Entry, config: ImagesConfig) -> dict[str, object]:
    facts = asdict(entry)
    if entry.refused:
        return facts
    try:
        data = source.read(entry)
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
        "sketch": sketch(image),
    }
