"""The circle that photos of a turning object lie on, found with the help of their mirror images.

Neighbouring views make the descriptors a closed curve. Front and rear share a silhouette, though,
and so do the two sides, so what is seen first of a car closes after half a turn: its angle ψ is
twice the azimuth, ψ = 2θ. Mirror images undo that fold without any label:

1. A closed curve that mirroring carries onto itself is fitted (`curve.fit_curve`) from several
   starts, an odd coordinate against an even one; the likeliest gives ψ.
2. Which way the object faces is read from the odd part of the descriptor (`facing.facing_side`).
3. From ψ/2 and that sign the curve is fitted again, now once round in θ: photos whose sign was
   wrong move to where the others put them. Where few photos show the rear, most starts end with
   front and rear mixed; so it is done on many random samples, and the best goes on to all photos.

Whether a circle was found, and which choice of dimensions to keep, is told by a ridge regression
from descriptor to (cos θ, sin θ), each photo read by a fit that has not seen it. The fold and its
undoing are ours, beyond the paper (arXiv 2312.04337).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mirage.circle import circular_mean, wrap
from mirage.contracts import FloatArray, check_shape
from mirage.poses.curve import fit_curve, principal_coordinates
from mirage.poses.facing import facing_side, put_still_views_at_zero

ComplexArray = npt.NDArray[np.complex128]

_FOLDED_DIMS = 30  # principal coordinates of the even and of the odd part for the curve in ψ
_STARTS = 3  # of either part: all pairs are tried
_FOLDED_HARMONICS, _FOLDED_ROUNDS = 3, 25
_DIMS = 60  # of either part, for the curve in θ
_HARMONICS, _ROUNDS = 5, 30
_FACING_DIMS = (30, 60, 100)  # of the odd part, for the facing; taken in turn
_RESTARTS = 48
_SAMPLE = 2000  # photos of a restart
_RIDGE = 1e-2  # of the mean variance of a descriptor coordinate
_FOLDS = 5
_MIN_SCORE = 0.83  # share of (cos θ, sin θ) that the descriptor must explain


@dataclass(frozen=True)
class CircleModel:
    """A linear map from descriptors to the plane; the direction there is the azimuth.

    Attributes:
        weights: [D + 1, 2] to (cos, sin); the last row is the intercept.
    """

    weights: FloatArray

    def __post_init__(self) -> None:
        check_shape("weights", self.weights, (None, 2))

    def azimuths(self, descriptors: FloatArray) -> FloatArray:
        """[N, D] → [N] degrees in [0, 360)."""
        plane = descriptors @ self.weights[:-1] + self.weights[-1]
        return wrap(np.rad2deg(np.arctan2(plane[:, 1], plane[:, 0])).astype(np.float32))

    def reoriented(self, offset: float, direction: int) -> CircleModel:
        """The same circle with azimuth a at offset + direction · a."""
        return CircleModel(self.weights @ turn_of_plane(offset, direction))

    def arrays(self) -> dict[str, FloatArray]:
        """What `CircleModel(**arrays)` restores it from."""
        return {"weights": self.weights}


def turn_of_plane(offset: float, direction: int) -> FloatArray:
    """[2, 2] matrix that carries row vectors (cos a, sin a) to those of offset + direction · a."""
    cosine, sine = np.cos(np.deg2rad(offset)), np.sin(np.deg2rad(offset))
    return np.array([[cosine, sine], [-direction * sine, direction * cosine]], dtype=np.float32)


def fit_circle(
    descriptors: FloatArray, mirrored: FloatArray, seed: int
) -> tuple[CircleModel, float] | None:
    """The circle that the photos lie on and its score, or None where there is none.

    Args:
        descriptors, mirrored: [n, D] of n photos and of their mirror images.

    Returns:
        The model, whose azimuth 0 is a mirror-symmetric view, and the share of (cos θ, sin θ)
        that photos explain in fits that have not seen them.
    """
    mixed = (descriptors + mirrored) / 2
    even = principal_coordinates(mixed - mixed.mean(axis=0), _DIMS)
    odd = principal_coordinates((descriptors - mirrored) / 2, max(_FACING_DIMS))
    angle = likeliest_angle(even[:, :_FOLDED_DIMS], odd[:, :_FOLDED_DIMS])
    angle, still = put_still_views_at_zero(angle, odd)
    reader = HeldOutRidge(descriptors, mirrored, seed)
    start = best_unfolding(descriptors, mirrored, angle, even, odd, seed)
    azimuth = fit_curve(even, odd[:, :_DIMS], start, _HARMONICS, _ROUNDS).azimuth
    score = reader.score(azimuth)
    if still and (plain := reader.score(angle)) > score:
        score, azimuth = plain, angle
    if score < _MIN_SCORE:
        return None
    return CircleModel(reader.fit_all(azimuth)), score


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
        found = fit_curve(even[rows], odd[rows, :_DIMS], start, _HARMONICS, _ROUNDS).azimuth
        reader = HeldOutRidge(descriptors[rows], mirrored[rows], seed)
        score = reader.score(found)
        if score > best[0]:
            model = CircleModel(reader.fit_all(found))
            readings = np.stack([model.azimuths(descriptors), -model.azimuths(mirrored)])
            best = (score, circular_mean(readings, axis=0))
    return best[1]


def likeliest_angle(even: FloatArray, odd: FloatArray) -> FloatArray:
    """[n] degrees on the curve that explains the parts [n, D] best; mirror images are at −ψ."""
    fits = [
        fit_curve(
            even, odd, np.rad2deg(np.arctan2(sine, cosine)), _FOLDED_HARMONICS, _FOLDED_ROUNDS
        )
        for sine in standardised(odd[:, :_STARTS]).T
        for cosine in standardised(even[:, :_STARTS]).T
    ]
    return max(fits, key=lambda fit: fit.likelihood).azimuth


def standardised(coordinates: FloatArray) -> FloatArray:
    """Every column at root mean square 1."""
    scaled: FloatArray = coordinates / np.sqrt((coordinates**2).mean(axis=0) + 1e-12)
    return scaled


def unit(degrees: FloatArray) -> ComplexArray:
    """cos + i sin."""
    return np.exp(1j * np.deg2rad(degrees))


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
        target = self._targets(azimuth)
        reading = np.empty(2 * self.num, np.complex128)
        for k, solver in enumerate(self._solvers):
            reading[self._fold == k] = self._points[self._fold == k] @ (
                solver @ target[self._fold != k]
            )
        return (reading[: self.num] + np.conj(reading[self.num :])) / 2

    def score(self, azimuth: FloatArray) -> float:
        """Share of (cos, sin) of `azimuth` that is read right; 1 is all, 0 or less nothing."""
        return float(1.0 - (np.abs(self.read(azimuth) - unit(azimuth)) ** 2).mean())

    def fit_all(self, azimuth: FloatArray) -> FloatArray:
        """[D + 1, 2] weights to (cos, sin) from all photos and their mirror images."""
        weights = self._solver(np.ones(2 * self.num, bool)) @ self._targets(azimuth)
        return np.stack([weights.real, weights.imag], axis=1).astype(np.float32)

    def _targets(self, azimuth: FloatArray) -> ComplexArray:
        target = unit(azimuth)
        return np.concatenate([target, np.conj(target)])
