"""What a shape is fitted to: pictures of an object from all round, with masks and weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mirage.core.contracts import ByteArray, FloatArray, check_shape
from mirage.core.errors import MirageError

LEAST_VIEWS = 6
_LEAST_AREA = 0.005  # share of a picture: below it, a mask is empty
_WIDEST_GAP = 100.0  # degrees without a view: beyond it, views are of an arc


@dataclass(frozen=True)
class ObjectViews:
    """V square views.

    Attributes:
        frames: [V, S, S, 3] uint8.
        masks: [V, S, S] in [0, 1], the share of each pixel that is the object.
        azimuth: [V] degrees, of a ring whose zero and direction are free.
        weight: [V] in [0, 1], how far each view is believed.
    """

    frames: ByteArray
    masks: FloatArray
    azimuth: FloatArray
    weight: FloatArray

    def __post_init__(self) -> None:
        v, s = self.frames.shape[:2]
        check_shape("frames", self.frames, (v, s, s, 3))
        check_shape("masks", self.masks, (v, s, s))
        check_shape("azimuth", self.azimuth, (v,))
        check_shape("weight", self.weight, (v,))

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def widest_gap(self) -> float:
        """Degrees between neighbouring azimuths, at most."""
        order = np.sort(np.mod(self.azimuth, 360.0))
        return float(np.diff(order, append=order[0] + 360.0).max())

    def usable(self) -> ObjectViews:
        """The views whose mask is not empty and whose weight is not 0.

        Raises:
            MirageError: too few are left, or they do not go round the object.
        """
        shown = (self.masks.mean(axis=(1, 2)) >= _LEAST_AREA) & (self.weight > 0.0)
        left = ObjectViews(*(getattr(self, name)[shown] for name in self.__dataclass_fields__))
        if len(left) < LEAST_VIEWS:
            raise MirageError(
                f"{len(left)} of {len(self)} views show an object: a shape needs {LEAST_VIEWS}",
                todo="make more views (views.count=24), of an object whose foreground is found",
            )
        if left.widest_gap > _WIDEST_GAP:
            raise MirageError(
                f"no view looks into {left.widest_gap:.0f}° of the circle: a shape needs views "
                f"from all round, at most {_WIDEST_GAP:.0f}° apart",
                todo="make views of a whole turn (views.count=24), by a model whose ring is closed",
            )
        return left
