"""Which parts are the object and which the background, from the photos alone."""

from __future__ import annotations

import numpy as np

from mirage.contracts import FloatArray


def part_weights(occupancy: FloatArray, sharpness: float = 2.0) -> FloatArray:
    """How much of the object every part is.

    Photos of one kind of object have it in the middle and background in the corners, so a part is
    background in so far as it is more frequent at the border than in the middle. With F(p) the
    part's share of the central patches and B(p) that of the border, this is the posterior
    F^s / (F^s + B^s) at even odds.

    Args:
        occupancy: [h, w, P] mean part map over many photos.
        sharpness: s; larger values push weights towards 0 and 1.

    Returns:
        [P] in [0, 1].
    """
    distance = border_distance(occupancy.shape[0], occupancy.shape[1])
    border, centre = np.maximum(0.0, 1.0 - 4.0 * distance), np.maximum(0.0, 2.0 * distance - 0.3)
    at_border = _share(occupancy, border)
    at_centre = _share(occupancy, centre)
    weights: FloatArray = at_centre**sharpness / (
        at_centre**sharpness + at_border**sharpness + 1e-12
    )
    return weights.astype(np.float32)


def border_distance(rows: int, cols: int) -> FloatArray:
    """[h, w] distance of every patch from the border of the photo: 0 at it, 0.5 in the middle."""
    y = (np.arange(rows) + 0.5) / rows
    x = (np.arange(cols) + 0.5) / cols
    near = np.minimum(np.minimum(y, 1 - y)[:, None], np.minimum(x, 1 - x)[None, :])
    low, high = near.min(), near.max()
    scaled: FloatArray = 0.5 * (near - low) / max(high - low, 1e-9)
    return scaled


def _share(occupancy: FloatArray, where: FloatArray) -> FloatArray:
    mass: FloatArray = np.tensordot(where, occupancy, axes=([0, 1], [0, 1]))
    return mass / max(float(mass.sum()), 1e-12)
