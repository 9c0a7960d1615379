"""The circle that photos of a turning object lie on, found with the help of their mirror images.

Neighbouring views make the descriptors a closed curve that mirroring carries onto itself
(`curve.fit_curve`). The likelihood of the curve tells the right order of the photos from a wrong
one, but expectation maximisation stays near where it starts, so it is started from many first
guesses (`starts.first_guesses`), and the likeliest goes on: once in detail, once with the few
harmonics that the outline of an object has.

Front and rear share a silhouette, though, and so do the two sides, so the outline of a car
closes after half a turn: its angle ψ is twice the azimuth, ψ = 2θ. Mirror images undo that fold
without any label:

1. Which way the object faces is read from the odd part of the descriptor (`facing.facing_side`).
2. From ψ/2 and that sign the curve is fitted again, now once round in θ: photos whose sign was
   wrong move to where the others put them. Where few photos show the rear, most attempts end with
   front and rear mixed; so it is done on many random samples, and the one goes on from which a
   ridge regression reads (cos θ, sin θ) of photos it has not seen best.
3. The likeliest of the curve in detail, the outline's and the unfolded one is kept: a chair has no
   fold.

The fold and its undoing are ours, beyond the paper (arXiv 2312.04337).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from mirage.circle import circular_mean
from mirage.contracts import FloatArray
from mirage.poses.curve import Curve, even_and_odd, fit_curve
from mirage.poses.facing import facing_side, stillest_at_zero
from mirage.poses.reader import fit_reader
from mirage.poses.starts import first_guesses

ComplexArray = npt.NDArray[np.complex128]

_SAMPLE = 2000  # photos of a search or a restart
_SEARCH_DIMS, DIMS = 20, 60  # principal coordinates of either part, in a first and a full fit
_OUTLINE_DIMS = 30  # in a fit to the outline
_PROMISING = 10  # first fits that are refined
_FACING_DIMS = (30, 60, 100)  # of the odd part, for the facing; taken in turn
_RESTARTS = 48
_ROUNDS = 15
_NARROW = 8.0  # degrees about its azimuth that a photo counts for when a fit is refined
_SMOOTH, _FULL = 5, 10  # harmonics of a fit to be unfolded, and of a full one
_RIDGE = 1e-2  # of the mean variance of a descriptor coordinate
_FOLDS = 5


def find_azimuths(descriptors: FloatArray, mirrored: FloatArray, seed: int) -> FloatArray:
    """[n] degrees, 0 at a mirror-symmetric view, of the photos on the likeliest closed curve.

    Args:
        descriptors, mirrored: [n, D] of n photos and of their mirror images.
    """
    even, odd = even_and_odd(descriptors, mirrored, max(_FACING_DIMS))
    detailed, outline = search(descriptors, mirrored, even, odd, seed)
    smooth = fit_curve(even[:, :DIMS], odd[:, :DIMS], outline, (_SMOOTH,), _ROUNDS).azimuth
    angle = stillest_at_zero(smooth, odd)
    unfolded = best_unfolding(descriptors, mirrored, angle, even, odd, seed)
    curves = [refine(even, odd, start) for start in (detailed, outline, unfolded)]
    return max(curves, key=lambda curve: curve.likelihood).azimuth


def refine(even: FloatArray, odd: FloatArray, start: FloatArray) -> Curve:
    """The full curve about the azimuths `start`."""
    return fit_curve(even[:, :DIMS], odd[:, :DIMS], start, (_FULL,), _ROUNDS, _NARROW)


def search(
    descriptors: FloatArray, mirrored: FloatArray, even: FloatArray, odd: FloatArray, seed: int
) -> tuple[FloatArray, FloatArray]:
    """[n] degrees of all photos, as read by the likeliest curves through a sample of them.

    The first is the likeliest in detail; the second follows the outline alone, with few harmonics,
    and is folded where the outline is.
    """
    random = np.random.default_rng(seed)
    rows = np.sort(random.permutation(len(even))[:_SAMPLE])
    some_even, some_odd = even[rows], odd[rows]

    def fits(dims: int, starts: Iterable[FloatArray], *how: Any) -> list[Curve]:
        found = [fit_curve(some_even[:, :dims], some_odd[:, :dims], a, *how) for a in starts]
        return sorted(found, key=lambda fit: fit.likelihood, reverse=True)

    guesses = list(first_guesses(descriptors[rows], mirrored[rows], some_even, some_odd))
    promising = fits(_SEARCH_DIMS, guesses, (3, 5), 10)[:_PROMISING]
    detailed = fits(DIMS, [fit.azimuth for fit in promising], (7, 10, 7), 8, _NARROW)[0]
    outline = fits(_OUTLINE_DIMS, guesses, (3,), _ROUNDS)[0]
    return (
        read_all(descriptors, mirrored, rows, detailed.azimuth),
        read_all(descriptors, mirrored, rows, outline.azimuth),
    )


def read_all(
    descriptors: FloatArray, mirrored: FloatArray, rows: npt.NDArray[np.int64], azimuth: FloatArray
) -> FloatArray:
    """[n] degrees of all photos, from the azimuths of those in `rows`."""
    if len(rows) == len(descriptors):
        return azimuth
    reader = fit_reader(descriptors[rows], mirrored[rows], azimuth)
    return circular_mean(
        np.stack([reader.azimuths(descriptors), -reader.azimuths(mirrored)]), axis=0
    )


def best_unfolding(
    descriptors: FloatArray,
    mirrored: FloatArray,
    angle: FloatArray,
    even: FloatArray,
    odd: FloatArray,
    seed: int,
) -> FloatArray:
    """[n] degrees of all photos, if `angle` is twice the azimuth, as the best sample reads them."""
    random = np.random.default_rng(seed)
    best = (-np.inf, angle)
    # Where a sample would be all photos, the restarts differ in the facing's dimensions only.
    for restart in range(_RESTARTS if len(angle) > _SAMPLE else len(_FACING_DIMS)):
        rows = np.sort(random.permutation(len(angle))[:_SAMPLE])
        facing = facing_side(angle[rows], odd[rows, : _FACING_DIMS[restart % len(_FACING_DIMS)]])
        start = angle[rows] / 2 + np.where(facing > 0, 0.0, 180.0)
        found = fit_curve(
            even[rows, :DIMS], odd[rows, :DIMS], start, (_SMOOTH,), 2 * _ROUNDS
        ).azimuth
        score = HeldOutRidge(descriptors[rows], mirrored[rows], seed).score(found)
        if score > best[0]:
            best = (score, read_all(descriptors, mirrored, rows, found))
    return best[1]


class HeldOutRidge:
    """Reads (cos θ, sin θ) of photos, each by a ridge regression that has not seen it.

    A photo and its mirror image are left out together, and a reading is the mean of what the photo
    and its mirror image say.
    """

    def __init__(self, descriptors: FloatArray, mirrored: FloatArray, seed: int) -> None:
        self.num = len(descriptors)
        both = np.concatenate([descriptors, mirrored]).astype(np.float64)
        self._points = np.concatenate([both, np.full((len(both), 1), 1.0)], axis=1)
        fold = np.random.default_rng(seed).integers(0, _FOLDS, self.num)
        self._fold = np.concatenate([fold, fold])
        self._solvers = [self._solver(self._fold != k) for k in range(_FOLDS)]

    def _solver(self, rows: FloatArray) -> FloatArray:
        """[D + 1, rows]: targets → ridge weights."""
        points = self._points[rows]
        gram = points.T @ points
        penalty = _RIDGE * np.trace(gram[:-1, :-1]) / (len(gram) - 1) * np.eye(len(gram))
        penalty[-1, -1] = 0.0  # the intercept is free
        return np.linalg.solve(gram + penalty, points.T)

    def read(self, azimuth: FloatArray) -> ComplexArray:
        """[n] complex: cos + i sin as read from photos labelled with `azimuth` (degrees)."""
        unit = np.exp(1j * np.deg2rad(azimuth))
        target = np.concatenate([unit, np.conj(unit)])
        reading = np.empty(2 * self.num, np.complex128)
        for k, solver in enumerate(self._solvers):
            reading[self._fold == k] = self._points[self._fold == k] @ (
                solver @ target[self._fold != k]
            )
        return (reading[: self.num] + np.conj(reading[self.num :])) / 2

    def score(self, azimuth: FloatArray) -> float:
        """Share of (cos, sin) of `azimuth` that is read right; 1 is all, 0 or less nothing."""
        unit = np.exp(1j * np.deg2rad(azimuth))
        return float(1.0 - (np.abs(self.read(azimuth) - unit) ** 2).mean())
