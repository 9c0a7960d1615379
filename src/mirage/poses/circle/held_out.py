"""How well azimuths can be read from descriptors by a regression that has not seen them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mirage.core.contracts import FloatArray

ComplexArray = npt.NDArray[np.complex128]

_RIDGE = 1e-2  # of the mean variance of a descriptor coordinate
_FOLDS = 5


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
