"""First guesses of the azimuth: planes in which photos may lie round a circle."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_matrix, diags
from scipy.sparse.linalg import eigsh

from mirage.core.angles import wrap
from mirage.core.contracts import FloatArray
from mirage.features import kmeans

_NEIGHBOURS = (8, 20)  # of a photo in the graph; few follow the curve, many bridge its gaps
_PLANES = 3  # even and odd coordinates of each kind: all pairs are tried


def first_guesses(
    descriptors: FloatArray, mirrored: FloatArray, even: FloatArray, odd: FloatArray
) -> Iterator[FloatArray]:
    """Yield [n] degrees: the angle in the plane of an even and an odd coordinate.

    The coordinates are the principal ones, and the slowest functions on the graph that joins every
    photo and mirror image to its nearest (Laplacian eigenmaps, Belkin & Niyogi 2003), of which
    each is even or odd, since mirroring carries the graph onto itself.

    Args:
        descriptors, mirrored: [n, D] of n photos and their mirror images.
        even, odd: [n, ·] principal coordinates of their even and odd parts.
    """
    kinds = [slow_functions(descriptors, mirrored, k) for k in _NEIGHBOURS]
    for evens, odds in [*kinds, (even, odd)]:
        for sine in standardised(odds[:, :_PLANES]).T:
            for cosine in standardised(evens[:, :_PLANES]).T:
                yield wrap(np.rad2deg(np.arctan2(sine, cosine)))


def slow_functions(
    descriptors: FloatArray, mirrored: FloatArray, num_neighbours: int
) -> tuple[FloatArray, FloatArray]:
    """Even and odd functions [n, 3] of n photos that change least along the neighbour graph."""
    num = len(descriptors)
    both = np.concatenate([descriptors, mirrored])
    links = min(num_neighbours, len(both) - 1)
    nearest, _ = kmeans.nearest(both, both, num_nearest=links + 1)
    rows = np.repeat(np.arange(len(both)), links)
    ones = np.ones(len(rows))
    graph = csr_matrix((ones, (rows, nearest[:, 1:].ravel())), shape=(2 * num, 2 * num))
    graph = graph.maximum(graph.T)
    degree = np.asarray(graph.sum(axis=1)).ravel()
    scale = diags(degree**-0.5)
    graph = scale @ graph @ scale
    parts = []
    for sign, skipped in ((1, 1), (-1, 0)):  # the slowest even function of all is constant
        block = graph[:num, :num] + sign * graph[:num, num:]
        block = (block + block.T) / 2
        start = np.random.default_rng(0).standard_normal(num)
        values, vectors = eigsh(block, k=_PLANES + skipped, which="LA", v0=start)
        order = np.argsort(values)[::-1][skipped:]
        parts.append(vectors[:, order] * degree[:num, None] ** -0.5)
    return parts[0], parts[1]


def standardised(coordinates: FloatArray) -> FloatArray:
    """Every column at root mean square 1."""
    scaled: FloatArray = coordinates / np.sqrt((coordinates**2).mean(axis=0) + 1e-12)
    return scaled
