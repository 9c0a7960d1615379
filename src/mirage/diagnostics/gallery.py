"""Photos of each pose and what is seen in some, kept so that a page can show them later."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from mirage.core.contracts import ByteArray, IntArray
from mirage.core.errors import MirageError
from mirage.core.files import replacing

GALLERY = "gallery.npz"


@dataclass(frozen=True)
class Gallery:
    """What gallery.npz holds.

    Attributes:
        surest: [K, H, W, 3] uint8, the surest photo of each pose; white where it has none.
        photos: [M, H, W, 3] uint8, drawn at random. pose: [M], the pose of each.
        seen: [B, H, W, 3] uint8, larger photos.
        part_maps: [B, h, w, Q] uint8, 255 where a patch is all of the object's part.
        masks: [B, h, w] uint8, 255 where a patch is surely the object.
        parts: [Q] which parts of the bank these are.
    """

    surest: ByteArray
    photos: ByteArray
    pose: IntArray
    seen: ByteArray
    part_maps: ByteArray
    masks: ByteArray
    parts: IntArray

    def save(self, path: Path) -> None:
        """By way of a temporary name."""
        with replacing(path) as temporary:
            np.savez_compressed(temporary, **asdict(self))

    @classmethod
    def load(cls, path: Path) -> Gallery:
        """Read one that was saved.

        Raises:
            MirageError: the file is damaged.
        """
        try:
            with np.load(path) as arrays:
                return cls(**arrays)
        except Exception as error:  # zip, zlib and numpy each complain in their own way
            raise MirageError(
                f"cannot be read: {error}", where=str(path), todo="delete it; the page does without"
            ) from error
