"""CompCars (Yang et al., CVPR 2015): the web photos of whole cars, with viewpoints and boxes.

The official layout, below `data/`:

    image/<make>/<model>/<year>/<name>.jpg
    label/<make>/<model>/<year>/<name>.txt     viewpoint, number of boxes (1), then x1 y1 x2 y2
    train_test_split/classification/train.txt  a line a photo: <make>/<model>/<year>/<name>.jpg
    train_test_split/classification/test.txt

The viewpoint is −1 (uncertain) or 1 to 5. Corners are pixels counted from 1, the last included:
1 ≤ x1 < x2 ≤ width and 1 ≤ y1 < y2 ≤ height.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from mirage.core.contracts import HELDOUT, TRAIN
from mirage.core.errors import MirageError
from mirage.images.decoding.decode import Box
from mirage.images.sources.source import Entry, Source

VIEWPOINTS = {-1: "", 1: "front", 2: "rear", 3: "side", 4: "front-side", 5: "rear-side"}
_LISTS = {TRAIN: "train.txt", HELDOUT: "test.txt"}
_LARGEST = 1_000_000  # pixels; no picture has a side as long


class LabelError(ValueError):
    """A label file cannot be used; the message is the reason in a few words."""


@dataclass(frozen=True)
class CompCarsSource(Source):
    """The photos of the two classification lists, each the box round its car.

    The lists decide the split: train.txt is trained on, test.txt is held out; photos in neither are
    not used. CompCars does not tell single cars apart, so photos of one make, model and year count
    as one object: they look alike, and held-out objects are then different cars.

    Attributes:
        root: the folder that holds `data/`, or `data/` itself.
    """

    root: Path

    @cached_property
    def data(self) -> Path:
        inner = self.root / "data"
        return inner if inner.is_dir() else self.root

    def entries(self, part: str = "") -> Iterator[Entry]:
        folder = self.data / "train_test_split" / "classification"
        for name in _LISTS.values():
            if not (folder / name).is_file():
                raise MirageError(
                    f"CompCars' list {name} is missing",
                    where=str(folder / name),
                    todo="let images.path be the folder with CompCars' data/ in it, or data/",
                )
        for split, name in _LISTS.items():
            with (folder / name).open(encoding="utf-8-sig", errors="replace") as lines:
                for line in lines:
                    if line.strip():
                        yield self._entry(line.strip(), split)

    def _entry(self, path: str, split: str) -> Entry:
        name = PurePosixPath(path)
        if name.is_absolute() or ".." in name.parts:
            return Entry(path, refused="its name points outside the folder")
        if not os.path.isfile(self.data / "image" / name):
            return Entry(path, refused="missing: a list names it, but there is no such picture")
        try:
            viewpoint, box = read_label(self.data / "label" / name.with_suffix(".txt"))
        except LabelError as error:
            return Entry(path, refused=str(error))
        return Entry(path, str(name.parent), split=split, viewpoint=viewpoint, box=box)

    def read(self, entry: Entry) -> bytes:
        return (self.data / "image" / entry.path).read_bytes()


def read_label(path: Path) -> tuple[str, Box]:
    """The viewpoint (empty where uncertain) and the box of a label file.

    Raises:
        LabelError: the file is missing, or does not say exactly one viewpoint and one box.
    """
    if not os.path.isfile(path):
        raise LabelError("missing label")
    try:
        numbers = [int(word) for word in path.read_text(encoding="utf-8-sig").split()]
    except OSError as error:
        raise LabelError(f"unreadable label: {type(error).__name__}") from error
    except ValueError as error:  # not text, or words that are no whole numbers
        raise LabelError("damaged label: not whole numbers") from error
    if max(map(abs, numbers), default=0) > _LARGEST:
        raise LabelError("damaged label: a number beyond any picture")
    if len(numbers) != 6:
        raise LabelError(f"damaged label: {len(numbers)} numbers where 6 are expected")
    viewpoint, num_boxes, x1, y1, x2, y2 = numbers
    if viewpoint not in VIEWPOINTS:
        raise LabelError(f"damaged label: viewpoint {viewpoint} is not −1 or 1 to 5")
    if num_boxes != 1:
        raise LabelError(f"damaged label: {num_boxes} boxes where 1 is expected")
    if x1 >= x2 or y1 >= y2:
        raise LabelError(f"damaged label: box {x1} {y1} {x2} {y2} is empty or inverted")
    return VIEWPOINTS[viewpoint], (x1 - 1, y1 - 1, x2, y2)
