"""Which objects are held out: a share, drawn by their names."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]


def object_hashes(objects: Sequence[str], seed: int) -> Hashes:
    """A number for each object, from the seed and its name; the objects of the lowest are held out.

    All photos of one object fall on the same side, and adding photos moves few of the others.
    """
    digests = (hashlib.sha256(f"{seed}/{name}".encode()).digest() for name in objects)
    return np.array([int.from_bytes(digest[:8], "big") for digest in digests], np.uint64)


def highest_heldout(hashes: Hashes, heldout_fraction: float) -> np.uint64:
    """The highest hash that is held out, given those of the objects of all photos.

    At least one object is held out, and one is not, where there are two.
    """
    hashes = np.unique(hashes)
    count = min(max(1, round(heldout_fraction * len(hashes))), max(1, len(hashes) - 1))
    return np.uint64(hashes[count - 1])
