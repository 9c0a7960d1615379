"""How fast the azimuth runs along the circle: a smooth monotone map of the circle onto itself.

Mirroring turns an azimuth into its negative, before the map and after it, so that the map is odd,
keeps 0° and 180°, and is told by what it does between them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.interpolate import PchipInterpolator

from mirage.core.angles import wrap
from mirage.core.contracts import FloatArray, check_shape


@dataclass(frozen=True)
class Timing:
    """An odd monotone map through knots, by piecewise cubic Hermite interpolation (PCHIP).

    Fritsch & Carlson 1980, "Monotone piecewise cubic interpolation", SIAM J. Numer. Anal. 17. The
    knots of one half are laid beside those of the other, so that the map is smooth at 0° and 180°.

    Attributes:
        found: [n] degrees, ascending within (0, 180). true: [n] what they become, likewise.
    """

    found: FloatArray
    true: FloatArray

    def __post_init__(self) -> None:
        check_shape("true", self.true, (len(self.found),))
        for name in ("found", "true"):
            steps = np.diff(np.concatenate([[0.0], getattr(self, name), [180.0]]))
            if not (steps > 0.0).all():
                raise ValueError(f"{name} azimuths {getattr(self, name)} do not ascend within 180°")

    def __call__(self, azimuth: npt.ArrayLike) -> FloatArray:
        """Degrees in [0, 360) that azimuths of any shape become."""
        knots, values = (_all_round(half) for half in (self.found, self.true))
        timed: FloatArray = PchipInterpolator(knots, values)(wrap(azimuth))
        return wrap(timed)


def _all_round(half: FloatArray) -> FloatArray:
    """Knots within (0°, 180°) → those of the whole circle, and half a turn on either side."""
    turn = np.concatenate([[0.0], half, [180.0], 360.0 - half[::-1]])
    return np.concatenate(
        [turn[len(turn) // 2 :] - 360.0, turn, turn[: len(turn) // 2 + 1] + 360.0]
    )
