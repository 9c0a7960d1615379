"""How alike two curves through the same photos are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mirage.core.angles import circular_distance, wrap
from mirage.core.contracts import FloatArray

SAME_CURVE = 0.97  # agreement beyond which two curves are one
_NEAR = 30.0  # degrees within which two curves put a photo in one place


def lay_on(one: FloatArray, other: FloatArray) -> FloatArray:
    """[n] degrees of the `other` curve, as that ring lies nearest to the first.

    Args:
        one, other: [n] degrees of the same photos, 0 and 180 at views that are their own mirror
            images; what is 0, and which way it runs, may differ.
    """
    rings = [wrap(end + way * other) for end in (0.0, 180.0) for way in (1, -1)]
    return min(rings, key=lambda ring: float(circular_distance(one, ring).mean()))


def put_elsewhere(one: FloatArray, other: FloatArray) -> npt.NDArray[np.bool_]:
    """[n] bool: the photos that two curves, as above, do not put near one place."""
    return circular_distance(one, lay_on(one, other)) > _NEAR


def agreement(one: FloatArray, other: FloatArray) -> float:
    """Share of the photos that two curves, as above, put near one place."""
    return 1.0 - float(put_elsewhere(one, other).mean())
