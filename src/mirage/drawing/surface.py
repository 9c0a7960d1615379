"""A mesh as a page draws it: to be dragged in three dimensions."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import numpy as np

from mirage.core.contracts import ByteArray, FloatArray, IntArray, check_shape

_STEPS = 32767  # whole numbers that a coordinate in [-1, 1] is kept as


@dataclass(frozen=True)
class Surface:
    """A mesh of N vertices and F triangles, y up.

    Attributes:
        vertices: [N, 3]. faces: [F, 3] indices, counter-clockwise from outside.
        colours: [N, 3] uint8.
    """

    vertices: FloatArray
    faces: IntArray
    colours: ByteArray

    def __post_init__(self) -> None:
        check_shape("vertices", self.vertices, (None, 3))
        check_shape("faces", self.faces, (None, 3))
        check_shape("colours", self.colours, (len(self.vertices), 3))

    def packed(self) -> dict[str, str]:
        """What the page draws it from: base64 of int16 places in [-1, 1], uint8, uint32."""
        low, high = self.vertices.min(axis=0), self.vertices.max(axis=0)
        middle = self.vertices - (low + high) / 2.0
        reach = max(float(np.linalg.norm(middle, axis=1).max()), 1e-9)
        places = np.rint(middle / reach * _STEPS).astype("<i2")
        return {
            "places": _base64(places),
            "colours": _base64(self.colours.astype(np.uint8)),
            "faces": _base64(self.faces.astype("<u4")),
        }


def _base64(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
