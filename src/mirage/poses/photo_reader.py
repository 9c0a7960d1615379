"""The poses of photos, from files and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mirage.core.contracts import ByteArray, PoseLabels
from mirage.distributed.device import device
from mirage.features.backbone import Backbone, load_backbone
from mirage.images.decode import Photo, read_photo
from mirage.images.squares import to_square
from mirage.poses.bank import PoseBank
from mirage.poses.describe import flip_photos

T = TypeVar("T")


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
        loaded = PoseBank.load(bank)
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
        """The poses of B photos [B, S, S, 3]."""
        mirrored = self.backbone(flip_photos(squares)) if self.bank.is_round else None
        return self.bank.assign(self.backbone(squares), mirrored)
