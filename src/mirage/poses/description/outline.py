"""Figures of an object's outline that are the same for a photo and its mirror image.

Second moments, and not the sides of boxes, because they turn simply: of a body through which one
sees, the variance across the picture at azimuth θ is A cos² θ + B sin² θ. They also forgive a mask
its stray patches.
"""

from __future__ import annotations

import numpy as np

from mirage.core.contracts import FloatArray, check_shape

NUM_FIGURES = 2
_BAND = 1.2  # standard deviations above and below the middle at which bands of rows are
_BAND_WIDTH = 0.6  # of a band, likewise


def outline_figures(masks: FloatArray) -> FloatArray:
    """[n, 2] ratios of variances of masks: σx² / σy² of all, and σx² of bands of rows.

    The first says how broad the object is over how high, which is most of what there is to see; but
    how high it looks depends on the side where the camera is above it. The other is of bands of
    rows, whatever the height: the mean of the upper and the lower over the middle one. From above,
    what is near is seen lower and what is far higher, which moves breadth between the bands: the
    mean is the same from the two ends.

    Args:
        masks: [n, h, w] in [0, 1], how surely a patch is the object.

    Returns:
        NaN where nothing is the object.
    """
    check_shape("masks", masks, (None, None, None))
    masks = np.asarray(masks, dtype=np.float64)
    rows = masks.sum(axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        middle, height = _moments(rows)
        across = _moments(masks.sum(axis=1))[1] / masks.shape[2] ** 2
        place = np.arange(masks.shape[1]) + 0.5
        above = (place - middle[:, None]) / np.sqrt(height)[:, None]
        upper, central, lower = (
            _moments((masks * _bump(above - at)[:, :, None]).sum(axis=1))[1]
            for at in (-_BAND, 0.0, _BAND)
        )
        ends = (upper + lower) / 2
        figures = [across / (height / masks.shape[1] ** 2), ends / central]
    found = np.stack(figures, axis=1)
    return np.where(np.isfinite(found), found, np.nan)


def _bump(offset: FloatArray) -> FloatArray:
    return np.asarray(np.exp(-0.5 * (offset / _BAND_WIDTH) ** 2))


def _moments(mass: FloatArray) -> tuple[FloatArray, FloatArray]:
    """[n] mean and variance of the place in [n, L] mass along one side; NaN where there is none."""
    place = np.arange(mass.shape[1]) + 0.5
    share = mass / mass.sum(axis=1, keepdims=True)
    mean = share @ place
    return mean, share @ place**2 - mean**2
