"""A reconstructed object on the page: turned beside its views, and dragged in three dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mirage.drawing.surface import Surface
from mirage.drawing.tables import Cell
from mirage.report.orbit_view import OrbitView


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
