"""What was found out about photos, before any pose: their descriptors, and those of copies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mirage.core.contracts import FloatArray, IntArray
from mirage.features.blocks import Blocks
from mirage.poses.description.descriptor import LayoutEncoder
from mirage.poses.description.outline import NUM_FIGURES

_SMALL = 0.05  # of the photos have a smaller object than what counts as a small one


@dataclass(frozen=True)
class Described:
    """What was found out about the photos, before any pose.

    Attributes:
        encoder: patch features → descriptor.
        eraser: [D, D] takes colour out of descriptors; None where it stays.
        sample: [n] ids of the photos that poses are fitted to, ascending.
        photos: [N, 2 D + 3] of all photos, by id: descriptors, those of their mirror images, the
            figures of their outlines, and the longer side of the object over the photo's.
        copied: [m] rows of the sample that copies are of, ascending.
        copies: [m, D] descriptors of the copies, of which every second one is mirrored.
    """

    encoder: LayoutEncoder
    eraser: FloatArray | None
    sample: IntArray
    photos: Blocks
    copied: IntArray
    copies: Blocks

    def pairs(self) -> Iterator[tuple[FloatArray, FloatArray]]:
        """Descriptors [b, D] of all photos and of their mirror images, block by block."""
        return (_split(block)[:2] for block in self.photos)

    def take(self, ids: IntArray) -> tuple[FloatArray, FloatArray]:
        """Descriptors [n, D] of photos by id, ascending, and of their mirror images."""
        return _split(self.photos.take(ids))[:2]

    def read_sample(self) -> Sampled:
        """What poses are fitted to; memory holds it."""
        photos, mirrored, outline, side = _split(self.photos.take(self.sample))
        copies = Copies(self.copies.read(), self.copied)
        small, usual = (float(np.quantile(side, share)) for share in (_SMALL, 0.5))
        return Sampled(photos, mirrored, outline, self.eraser, copies, (small, usual))


def _split(described: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """[b, 2 D + 3] → descriptors of photos and mirror images [b, D], outlines [b, 2], sides [b]."""
    dims = (described.shape[1] - NUM_FIGURES - 1) // 2
    photos, mirrored, figures = np.split(described, [dims, 2 * dims], axis=1)
    return photos, mirrored, figures[:, :-1], figures[:, -1]


@dataclass(frozen=True)
class Copies:
    """Photos of a sample as another camera might have taken them (`copies.copy_photos`).

    Attributes:
        descriptors: [m, D]; every second copy is mirrored.
        rows: [m] of the sample.
    """

    descriptors: FloatArray
    rows: IntArray

    def at(self, azimuth: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Descriptors [m, D] and azimuths [m], given those of the sample [n], degrees."""
        return self.descriptors, azimuth[self.rows] * mirror_signs(np.arange(len(self.rows)))


def mirror_signs(numbers: IntArray) -> FloatArray:
    """[m] 1.0 or −1.0: whether the copies with these numbers are mirrored."""
    return np.where(numbers % 2 == 0, 1.0, -1.0)


@dataclass(frozen=True)
class Sampled:
    """n photos as poses are fitted to them.

    Attributes:
        photos, mirrored: [n, D] descriptors of photos and of their mirror images.
        outline: [n, 2] figures of their outlines (`outline.outline_figures`), which both share.
        eraser: [D, D] takes colour out of descriptors; None where it stays.
        copies: of some of the photos, if there are any.
        object_sides: the longer side of the object over the photo's, of a small one and of the
            median photo; if they are known.
    """

    photos: FloatArray
    mirrored: FloatArray
    outline: FloatArray
    eraser: FloatArray | None = None
    copies: Copies | None = None
    object_sides: tuple[float, float] | None = None

    def erased(self) -> Sampled:
        """The same photos without their colours, of which a search would make circles."""
        if self.eraser is None:
            return self
        photos, mirrored = (
            (part @ self.eraser).astype(np.float32) for part in (self.photos, self.mirrored)
        )
        return Sampled(photos, mirrored, self.outline)
