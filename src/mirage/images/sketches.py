"""Photos that are one photo: small copies, and copies that were saved again.

A perceptual hash finds pairs, and what is compared is a sketch of the photo: its brightness on
8 × 8 cells and its colours on 2 × 2. Comparing all pairs would take N² steps. The hash has a bit a
cell, whether it is brighter than most; photos that are alike have nearly all bits in common, so
that they are neighbours when the hashes are sorted by their bits in some order, if not in the first
(Charikar 2002).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from mirage.core.contracts import ByteArray, IntArray

_CELLS, _COLOURS = 8, 2  # a side
SKETCH_BYTES = _CELLS**2 + 3 * _COLOURS**2

_ORDERS = 16  # of the bits
_NEIGHBOURS = 3  # that each is compared with, in each order
_AT_ONCE = 65536  # pairs
_MEAN, _MOST = 5.0, 24  # levels of 255 that copies may differ by in a cell


def sketch(photo: Image.Image) -> bytes:
    """What is compared of an RGB photo."""
    cells = photo.convert("L").resize((_CELLS, _CELLS), Image.Resampling.BOX)
    colours = photo.resize((_COLOURS, _COLOURS), Image.Resampling.BOX)
    return cells.tobytes() + colours.tobytes()


def first_alike(sketches: ByteArray) -> IntArray:
    """[N] of each sketch the first one that it is a copy of, or a copy of a copy; itself if none.

    Args:
        sketches: [N, SKETCH_BYTES] uint8.
    """
    count = len(sketches)
    cells = sketches[:, : _CELLS**2]
    bits = cells > np.median(cells, axis=1, keepdims=True)
    rng = np.random.default_rng(0)
    pairs = [np.empty((0, 2), np.int64)]
    for _ in range(_ORDERS if count else 0):
        hashes = np.packbits(bits[:, rng.permutation(_CELLS**2)], axis=1)
        order = np.lexsort(hashes.T[::-1])
        for step in range(1, _NEIGHBOURS + 1):
            near = np.stack([order[:-step], order[step:]], axis=1)
            for some in np.array_split(near, len(near) // _AT_ONCE + 1):
                pairs.append(some[_are_copies(sketches, some)])
    one, other = np.concatenate(pairs).T
    links = coo_array((np.ones(len(one), bool), (one, other)), shape=(count, count))
    _, group = connected_components(links, directed=False)
    _, first = np.unique(group, return_index=True)
    return first[group]


def _are_copies(sketches: ByteArray, pairs: IntArray) -> npt.NDArray[np.bool_]:
    differ = np.abs(sketches[pairs[:, 0]].astype(np.int16) - sketches[pairs[:, 1]])
    return (differ.mean(axis=1) <= _MEAN) & (differ.max(axis=1) <= _MOST)
