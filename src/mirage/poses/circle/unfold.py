"""The circle of an object whose outline closes after half a turn.

Front and rear share a silhouette, and so do the two sides, so the outline of a car closes after
half a turn: its angle ψ is twice the azimuth, ψ = 2θ. Mirror images undo that fold without any
label: which way the object faces is read from the odd part of the descriptor
(`facing.facing_side`), and from ψ/2 and that sign the curve is fitted again, now once round in θ:
photos whose sign was wrong move to where the others put them. Where few photos show the rear, most
attempts end with front and rear mixed; so it is done on many random samples, and the one goes on
whose curve gains most over a cloud without one, in photos that it has not seen.

The fold and its undoing are ours, beyond the paper (arXiv 2312.04337).
"""

from __future__ import annotations

import numpy as np

from mirage.core.contracts import FloatArray, IntArray
from mirage.distributed.threads import map_in_threads
from mirage.poses.circle.curve import fit_curve
from mirage.poses.circle.facing import facing_side, stillest_at_zero
from mirage.poses.circle.held_out import HeldOutPhotos
from mirage.poses.circle.search import DIMS, Photos

_FACING_DIMS = (30, 60, 100)  # of the odd part, for the facing; taken in turn
_SAMPLE = 2000  # photos of an attempt
_ATTEMPTS = 48
_SMOOTH, _ROUNDS = 5, 15  # harmonics and rounds of a fit to be unfolded


def best_unfolding(photos: Photos, outline: FloatArray, seed: int) -> tuple[IntArray, FloatArray]:
    """Rows of a sample and their azimuths, degrees: the `outline` [n], taken for folded, undone."""
    folded = photos.fit(outline, DIMS, (_SMOOTH,), _ROUNDS).azimuth
    angle = stillest_at_zero(folded, photos.odd)
    random = np.random.default_rng(seed)
    # Where a sample would be all photos, the attempts differ in the facing's dimensions only.
    num_attempts = _ATTEMPTS if len(angle) > _SAMPLE else len(_FACING_DIMS)
    samples = [np.sort(random.permutation(len(angle))[:_SAMPLE]) for _ in range(num_attempts)]

    def attempt(index: int) -> tuple[float, FloatArray]:
        rows, dims = samples[index], _FACING_DIMS[index % len(_FACING_DIMS)]
        facing = facing_side(angle[rows], photos.odd[rows, :dims])
        start = angle[rows] / 2 + np.where(facing > 0, 0.0, 180.0)
        even, odd, weight = photos.even[rows], photos.odd[rows], photos.weight[rows]
        weight = weight / weight.mean()
        azimuth = fit_curve(
            even[:, :DIMS], odd[:, :DIMS], start, (_SMOOTH,), 2 * _ROUNDS, weight=weight
        ).azimuth
        return HeldOutPhotos(even, odd, seed).gain(azimuth), azimuth

    attempts = map_in_threads(attempt, range(num_attempts))
    best = max(range(num_attempts), key=lambda index: attempts[index][0])
    return samples[best], attempts[best][1]
