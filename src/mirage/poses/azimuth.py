"""The circle that photos of a turning object lie on, found with the help of their mirror images.

Neighbouring views make the descriptors a closed curve. Front and rear share a silhouette, though,
and so do the two sides, so the plain neighbour graph of a car closes after half a turn: its
spectral angle ψ is twice the azimuth, ψ = 2θ. Mirror images undo that fold without any label:

1. Mirroring a photo negates the angle. Among the graph's eigenvectors, those that mirroring leaves
   alone (even, a cosine) pair up with those that it negates (odd, a sine); the pair of constant
   radius is the circle.
2. The odd part of a descriptor (photo minus mirror image, halved) knows which way the object faces:
   for each ψ it takes two opposite values. Its first principal component, once what ψ explains is
   taken out, is that sign, and it is surest where the object is seen from the side.
3. Self-training: ridge regression from descriptor to (cos θ, sin θ), each photo read by a fit
   that has not seen it; photos go to the sheet where they are read, until none moves.

The fold and its undoing are ours, beyond the paper (arXiv 2312.04337).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mirage.contracts import FloatArray, check_shape
from mirage.poses.graph import leading_eigenvectors, neighbour_graph
from mirage.poses.ring import circular_difference

ComplexArray = npt.NDArray[np.complex128]

_NEIGHBOURS = 12
_EIGENVECTORS = 10
_HARMONICS = 6  # of ψ that are taken out of the odd part
_RIDGE = 1e-2  # of the mean variance of a descriptor coordinate
_FOLDS = 5
_ROUNDS = 40
# Radius of the spectral circle, standard deviation over mean, above which there is no circle: full
# turntables of cars measured 0.16, photos taken mostly from the front three-quarters 0.27.
_MAX_SPREAD = 0.22
_MIN_FOLD = 0.3  # correlation that shows the two sheets
_MIN_SCORE = 0.75  # share of (cos θ, sin θ) that the descriptor must explain


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
        degrees = np.rad2deg(np.arctan2(plane[:, 1], plane[:, 0]))
        azimuths: FloatArray = (degrees % 360.0).astype(np.float32) % np.float32(360.0)
        return azimuths

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
    angle = spectral_angle(descriptors, mirrored, seed)
    if angle is None:
        return None
    odd = (descriptors - mirrored) / 2
    angle = put_still_views_at_zero(angle, odd)
    facing = facing_side(angle, odd)
    azimuth = angle if facing is None else angle / 2 + 180.0 * facing
    reader = HeldOutRidge(descriptors, mirrored, seed)
    azimuth, score = self_train(azimuth, reader, folded=facing is not None)
    if score < _MIN_SCORE:
        return None
    weights = reader.fit_all(azimuth)
    return CircleModel(weights), float(min(score, 1.0))


def spectral_angle(descriptors: FloatArray, mirrored: FloatArray, seed: int) -> FloatArray | None:
    """[n] degrees of the photos on the neighbour graph's circle, or None without a circle.

    The mirror image of a photo at ψ is at −ψ. Angles are spread evenly, by rank: a full turn is
    assumed to be photographed evenly, or nearly so.
    """
    num = len(descriptors)
    graph = neighbour_graph(np.concatenate([descriptors, mirrored]), _NEIGHBOURS)
    _, vectors = leading_eigenvectors(graph, _EIGENVECTORS, seed)
    photo, mirror = vectors[:num, 1:], vectors[num:, 1:]
    even, odd = (photo + mirror) / 2, (photo - mirror) / 2
    parity = (photo * mirror).sum(axis=0) > 0
    best: tuple[float, FloatArray] | None = None
    for cosine in even[:, parity].T:
        for sine in odd[:, ~parity].T:
            x, y = cosine / cosine.std(), sine / np.sqrt((sine**2).mean())
            radius = np.hypot(x, y)
            spread = float(radius.std() / radius.mean())
            if best is None or spread < best[0]:
                best = (spread, np.rad2deg(np.arctan2(y, x)))
    if best is None or best[0] > _MAX_SPREAD:
        return None
    angle = best[1]
    rank = np.argsort(np.argsort(np.abs(angle))) * (180.0 / num)
    return np.where(angle >= 0, rank, -rank) % 360.0


def put_still_views_at_zero(angle: FloatArray, odd: FloatArray) -> FloatArray:
    """Of the two angles that mirroring leaves alone, put at 0 the one whose photos it changes less.

    Those are the views that are their own mirror images (front and rear of a car); at the other
    angle, if the circle is folded, mirroring swaps the two sides.
    """
    change = (odd**2).sum(axis=1)
    near_zero = change[np.abs(circular_difference(angle, np.asarray(0.0))) < 30.0]
    near_half = change[np.abs(circular_difference(angle, np.asarray(180.0))) < 30.0]
    if near_zero.size and near_half.size and near_half.mean() < near_zero.mean():
        return (angle + 180.0) % 360.0
    return angle


def facing_side(angle: FloatArray, odd: FloatArray) -> FloatArray | None:
    """[n] 0 or 1, the way the object faces, or None if the circle is not folded.

    On a folded circle the photos at ψ face either way, with sin θ = ±sin(ψ/2): the squared
    component grows as 1 − cos ψ. On a plain circle ψ explains the facing, and nothing is left.
    """
    multiples = np.deg2rad(angle)[:, None] * np.arange(1, _HARMONICS + 1)
    explained = np.sin(multiples)
    rest = odd - explained @ np.linalg.lstsq(explained, odd, rcond=None)[0]
    _, vectors = np.linalg.eigh(rest.T @ rest)
    component = rest @ vectors[:, -1]
    evidence = np.corrcoef(component**2, 1 - np.cos(np.deg2rad(angle)))[0, 1]
    if not evidence > _MIN_FOLD:
        return None
    return (component < 0).astype(np.float64)


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

    def fit_all(self, azimuth: FloatArray) -> FloatArray:
        """[D + 1, 2] weights to (cos, sin) from all photos and their mirror images."""
        weights = self._solver(np.ones(2 * self.num, bool)) @ self._targets(azimuth)
        return np.stack([weights.real, weights.imag], axis=1).astype(np.float32)

    def _targets(self, azimuth: FloatArray) -> ComplexArray:
        target = np.exp(1j * np.deg2rad(azimuth))
        return np.concatenate([target, np.conj(target)])


def self_train(azimuth: FloatArray, reader: HeldOutRidge, folded: bool) -> tuple[FloatArray, float]:
    """Move photos to the sheet where they are read until none moves.

    Returns:
        azimuth [n] in degrees, and the share of (cos θ, sin θ) that is explained.
    """
    for _ in range(_ROUNDS):
        reading = reader.read(azimuth)
        away = np.abs(circular_difference(np.rad2deg(np.angle(reading)), azimuth)) > 90.0
        if not folded or not away.any():
            break
        azimuth = np.where(away, azimuth + 180.0, azimuth) % 360.0
    reading = reader.read(azimuth)
    target = np.exp(1j * np.deg2rad(azimuth))
    return azimuth, float(1.0 - (np.abs(reading - target) ** 2).mean())
