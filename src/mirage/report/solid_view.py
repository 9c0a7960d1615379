"""A reconstructed object on the page: turned beside its views, and dragged in three dimensions."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mirage.core.contracts import ByteArray, FloatArray, IntArray, check_shape
from mirage.drawing.tables import Cell
from mirage.report.orbit_view import OrbitView

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


@dataclass(frozen=True)
class SolidView:
    """One object of the page.

    Attributes:
        turned: the views that it was made of, and renders of it at the same azimuths.
        verdict: how far the views agreed on it, in words.
        surface: what is dragged; None where it is only shown turning.
        yaw, pitch: degrees that it is first shown turned by, about the upright axis and towards
            the viewer.
        facts: figures below it.
    """

    turned: OrbitView
    verdict: str
    surface: Surface | None = None
    yaw: float = 0.0
    pitch: float = 0.0
    facts: Mapping[str, Cell] = field(default_factory=dict)


def solid_contexts(
    solids: Sequence[SolidView], turned: Sequence[dict[str, object]]
) -> list[dict[str, object]]:
    """What the template is told of objects.

    Args:
        turned: what it is told of the turntable of each.
    """
    return [
        {
            "orbit": orbit,
            "verdict": solid.verdict,
            "facts": list(solid.facts.items()),
            "data": None
            if solid.surface is None
            else solid.surface.packed() | {"yaw": solid.yaw, "pitch": solid.pitch},
        }
        for solid, orbit in zip(solids, turned, strict=True)
    ]


def _base64(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
