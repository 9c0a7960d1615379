"""The poses of photos, from files and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image
from torch import Tensor

from mirage.core.contracts import ByteArray, FloatArray, PoseLabels
from mirage.distributed.device import device
from mirage.features.backbone import Backbone, load_backbone
from mirage.images.decoding.decode import Photo, read_photo
from mirage.images.decoding.squares import flip_photos, to_square
from mirage.poses.bank import PoseBank
from mirage.poses.bank_file import load_bank

T = TypeVar("T")

_SMALLER = 1.25  # times smaller than a small one of the bank's: an object that is looked at again
_CLOSEST = 0.35  # of the photo's side: closer there is nothing more to see


@dataclass(frozen=True)
class PoseReader:
    """Reads the poses of photos as those of the bank's own photos were read."""

    bank: PoseBank
    backbone: Backbone
    fit: str
    max_pixels: int

    @classmethod
    def open(cls, bank: Path, fit: str, max_pixels: int) -> PoseReader:
        """Load a bank, and the network it needs onto the GPU, or the CPU where there is none."""
        loaded = load_bank(bank)
        return cls(loaded, load_backbone(loaded.backbone, device()), fit, max_pixels)

    def batches(self, photos: Sequence[T]) -> list[Sequence[T]]:
        """The photos, as many in each batch as the network looks at together."""
        count = self.backbone.config.batch_size
        return [photos[i : i + count] for i in range(0, len(photos), count)]

    def square(self, photo: Photo) -> ByteArray:
        """[S, S, 3] uint8 that the network sees of a photo.

        Raises:
            MirageError: it cannot be read.
        """
        return to_square(read_photo(photo, self.max_pixels), self.backbone.size, self.fit)

    def read(self, squares: ByteArray) -> PoseLabels:
        """The poses of B photos [B, S, S, 3].

        Those whose object is smaller than in the bank's own photos are looked at again, closer.
        """
        features = self.backbone(squares)
        windows = self._windows(features)
        rows = np.flatnonzero(windows[:, -1] < 1.0)
        if len(rows):
            closer = np.stack([self._closer(squares[row], windows[row]) for row in rows])
            squares, features = squares.copy(), features.clone()
            squares[rows], features[rows] = closer, self.backbone(closer)
        mirrored = self.backbone(flip_photos(squares)) if self.bank.is_round else None
        return self.bank.assign(features, mirrored)

    def _windows(self, features: Tensor) -> FloatArray:
        """[B, 3] left, top and side of what to look at, shares of the photo's; a side of 1 is all.

        Through it, the object is as large as it is in the bank's median photo.
        """
        x, y, side = self.bank.encoder.places(features).T
        small, usual = self.bank.object_sides or (0.0, 1.0)
        closer = np.clip(side / usual, _CLOSEST, 1.0)
        side = np.where(side < small / _SMALLER, closer, 1.0)
        return np.stack([np.clip(at - side / 2, 0.0, 1.0 - side) for at in (x, y)] + [side], axis=1)

    def _closer(self, square: ByteArray, window: FloatArray) -> ByteArray:
        left, top, side = (float(value) for value in window)
        return to_square(Image.fromarray(square), self.backbone.size, self.fit, (left, top, side))
