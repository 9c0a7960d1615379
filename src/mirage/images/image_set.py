"""A run's usable photos, as later stages read them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from copy import copy
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from PIL import Image

from mirage.core.contracts import ByteArray, FloatArray, IntArray
from mirage.core.errors import MirageError
from mirage.distributed.threads import in_order
from mirage.images.column import Column
from mirage.images.decoding.decode import UndecodableError, decode
from mirage.images.decoding.squares import to_frame, to_square
from mirage.images.manifest import MANIFEST, REJECTED, SOURCE
from mirage.images.sources.registry import open_source
from mirage.images.sources.remote import is_url
from mirage.images.sources.source import Entry, Source


class ImageSet:
    """The usable photos of a run, by image id (0 to N − 1).

    What is known of them is read where it is looked at: memory does not grow with N.

    Attributes:
        path, split, object_id: [N] strings.
        viewpoint: [N] named sides they were seen from, empty where unknown; for evaluation only.
        num_rejected: photos that were not usable.
    """

    def __init__(self, folder: Path) -> None:
        self._manifest, self._folder = folder / MANIFEST, folder
        facts = json.loads((folder / SOURCE).read_text())
        self.fit, self.max_pixels = str(facts["fit"]), int(facts["max_pixels"])
        self.path = Column(self._manifest, "path")
        self.split = Column(self._manifest, "split")
        self.object_id = Column(self._manifest, "object_id")
        self.viewpoint = Column(self._manifest, "viewpoint", missing="")
        self._place = {
            name: Column(self._manifest, name) for name in ("box", "offset", "num_bytes")
        }
        with (folder / REJECTED).open(newline="", encoding="utf-8") as file:
            self.num_rejected = sum(1 for _ in csv.DictReader(file))
        self._kind, self._path = str(facts["kind"]), str(facts["path"])
        self._width, self._height = (Column(self._manifest, n) for n in ("width", "height"))
        self._windows: FloatArray | None = None

    def framed(self, windows: FloatArray) -> ImageSet:
        """The same photos, of which squares show what is seen through windows [N, 3].

        Args:
            windows: left, top and side, as of `squares.Window`; NaN leaves a photo as it is.
        """
        framed = copy(self)
        framed._windows = windows
        return framed

    def __len__(self) -> int:
        return len(self.path)

    @cached_property
    def _source(self) -> Source:
        """Opened where a photo is read: what is known of the photos outlives them."""
        path = self._path if is_url(self._path) else str(self._folder / self._path)
        try:
            return open_source(self._kind, path)
        except MirageError as error:
            raise MirageError(
                f"the photos of this run are not where they were: {error.what}",
                where=str(self._folder),
                todo="put them back, or tell where they are now with `mirage images "
                f"images.path=PATH run={self._folder.parent}`: nothing else is done anew",
            ) from error

    @cached_property
    def azimuth(self) -> FloatArray:
        """[N] true azimuth in degrees, NaN where unknown; for evaluation only."""
        return pq.read_table(self._manifest, columns=["azimuth"])["azimuth"].to_numpy()

    def ids(self, split: str) -> IntArray:
        """The image ids of a split, ascending; 8 bytes an image."""
        batches = pq.ParquetFile(self._manifest).iter_batches(columns=["split"])
        chosen = [np.asarray(pc.equal(batch["split"], split)) for batch in batches]
        return np.flatnonzero(np.concatenate(chosen))

    def median_side(self) -> int:
        """Of the photos' sides that become the square's, pixels: the longer ones where it pads."""
        table = pq.read_table(self._manifest, columns=["width", "height"])
        sides = np.stack([table["width"].to_numpy(), table["height"].to_numpy()])
        return int(np.median(sides.max(axis=0) if self.fit == "pad" else sides.min(axis=0)))

    def size_of(self, image_id: int) -> tuple[int, int]:
        """Width and height of a photo, pixels."""
        return int(self._width[image_id]), int(self._height[image_id])

    def load(self, image_id: int) -> Image.Image:
        """The photo, RGB; of a picture with a box, what the box holds.

        Raises:
            MirageError: it is not where it was, or no longer readable.
        """
        place = {name: column[image_id] for name, column in self._place.items()}
        entry = Entry(self.path[image_id], **place)
        try:
            return decode(self._source.read(entry), self.max_pixels, entry.box)
        except (OSError, KeyError, UndecodableError) as error:
            raise MirageError(
                f"a photo of the manifest can no longer be read: {error}",
                where=entry.path,
                todo="put it back, or run `mirage images` again",
            ) from error

    def load_square(self, image_id: int, size: int) -> ByteArray:
        """[size, size, 3] uint8."""
        window = None if self._windows is None else self._windows[image_id]
        if window is None or np.isnan(window).any():
            return to_square(self.load(image_id), size, self.fit)
        left, top, side = window.tolist()
        return to_frame(self.load(image_id), size, (left, top, side))

    def batches(
        self, ids: IntArray, size: int, batch_size: int
    ) -> Iterator[tuple[IntArray, ByteArray]]:
        """Yield (ids [B], [B, size, size, 3] uint8) in order, decoded on all processors."""
        squares = in_order(
            lambda i: self.load_square(int(i), size), list(ids), ahead=2 * batch_size
        )
        for start in range(0, len(ids), batch_size):
            part = np.asarray(ids[start : start + batch_size])
            yield part, np.stack(list(islice(squares, len(part))))


def open_images(folder: Path) -> ImageSet:
    """The photos of a run's images/ folder.

    Raises:
        MirageError: the folder is not complete.
    """
    try:
        return ImageSet(folder)
    except (OSError, pa.ArrowException, ValueError, KeyError) as error:
        raise MirageError(
            "the images of this run cannot be read",
            where=str(folder),
            todo="run `mirage images` again",
        ) from error
