"""Chairs: a seat on legs, a back of one of three kinds, and sometimes arms and a cushion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mirage.images.turntable.palette import from_hsv, sample_contrast, sample_paint, shade
from mirage.images.turntable.solids import MATTE, Colour, ColouredMesh, block, rod

BACKS = ("panel", "slats", "ladder")


@dataclass(frozen=True)
class ChairDesign:
    """One chair; lengths in metres. It faces +x: the back stands at −x."""

    width: float
    depth: float
    seat_height: float
    seat_thickness: float
    back_height: float  # over the seat
    recline: float  # how far the top of the back leans behind its foot
    back: str
    num_bars: int  # of a back that has bars
    leg_radius: float
    leg_roundness: float  # 1 round, near 0 square
    splay: float  # how far the feet stand out
    arms: bool
    cushion: bool
    frame: Colour
    seat: Colour
    accent: Colour

    @property
    def legs(self) -> Colour:
        return shade(self.frame, 0.85)

    @property
    def skin(self) -> tuple[Colour, ...]:
        """The colours that a texture may cover: all."""
        return self.frame, self.legs, self.seat, self.accent


def sample_chair(rng: np.random.Generator) -> ChairDesign:
    """Draw a chair."""
    wooden = rng.random() < 0.5
    wood = from_hsv(rng.uniform(0.05, 0.1), rng.uniform(0.45, 0.75), rng.uniform(0.35, 0.75))
    frame = wood if wooden else sample_paint(rng)
    seat = sample_paint(rng, 0.85) if rng.random() < 0.6 else frame
    return ChairDesign(
        width=rng.uniform(0.4, 0.56),
        depth=rng.uniform(0.4, 0.5),
        seat_height=rng.uniform(0.4, 0.5),
        seat_thickness=rng.uniform(0.035, 0.08),
        back_height=rng.uniform(0.36, 0.58),
        recline=rng.uniform(0.02, 0.12),
        back=BACKS[int(rng.integers(len(BACKS)))],
        num_bars=int(rng.integers(3, 6)),
        leg_radius=rng.uniform(0.016, 0.03),
        leg_roundness=float(rng.choice([0.15, 1.0])),
        splay=rng.uniform(0.0, 0.05),
        arms=bool(rng.random() < 0.35),
        cushion=bool(rng.random() < 0.4),
        frame=frame,
        seat=seat,
        accent=sample_contrast(rng, seat),
    )


def build_chair(chair: ChairDesign) -> list[ColouredMesh]:
    """The chair as coloured meshes, standing on z = 0."""
    size = (chair.depth, chair.width, chair.seat_thickness)
    meshes = [block((0.0, 0.0, chair.seat_height), size, chair.seat, MATTE, 0.15)]
    if chair.cushion:
        top = chair.seat_height + chair.seat_thickness / 2.0 + 0.02
        size = (chair.depth * 0.86, chair.width * 0.86, 0.06)
        meshes.append(block((0.0, 0.0, top), size, chair.accent, MATTE, 0.5))
    meshes += _legs(chair)
    meshes += _back(chair)
    if chair.arms:
        meshes += _arms(chair)
    return meshes


def _legs(chair: ChairDesign) -> list[ColouredMesh]:
    x, y = chair.depth / 2.0 - 0.04, chair.width / 2.0 - 0.04
    return [
        rod(
            (sx * (x + chair.splay), sy * (y + chair.splay), 0.0),
            (sx * x, sy * y, chair.seat_height),
            chair.leg_radius,
            chair.legs,
            MATTE,
            chair.leg_roundness,
        )
        for sx in (-1, 1)
        for sy in (-1, 1)
    ]


def _back(chair: ChairDesign) -> list[ColouredMesh]:
    """Two posts, and between them a panel, upright slats or the rungs of a ladder."""
    side, foot = chair.width / 2.0 - 0.025, -chair.depth / 2.0 + 0.025

    def at(y: float, share: float) -> tuple[float, float, float]:
        return (foot - chair.recline * share, y, chair.seat_height + chair.back_height * share)

    posts = [
        rod(
            at(s * side, 0.0),
            at(s * side, 1.0),
            chair.leg_radius,
            chair.frame,
            MATTE,
            chair.leg_roundness,
        )
        for s in (-1, 1)
    ]
    if chair.back == "ladder":
        shares = np.linspace(0.25, 0.95, chair.num_bars)
        bars = [rod(at(-side, s), at(side, s), 0.026, chair.seat, MATTE, 0.15) for s in shares]
    elif chair.back == "slats":
        places = np.linspace(-side, side, chair.num_bars + 2)[1:-1]
        bars = [rod(at(y, 0.0), at(y, 1.0), 0.02, chair.seat, MATTE, 0.15) for y in places]
        bars.append(rod(at(-side, 0.97), at(side, 0.97), 0.032, chair.frame, MATTE, 0.15))
    else:
        low, high = at(0.0, 0.3), at(0.0, 1.0)
        centre = ((low[0] + high[0]) / 2.0, 0.0, (low[2] + high[2]) / 2.0)
        size = (0.04 + 0.5 * chair.recline, 2.0 * side + 0.03, high[2] - low[2])
        bars = [block(centre, size, chair.seat, MATTE, 0.15)]
        if chair.cushion:
            front = (centre[0] + size[0] / 2.0, 0.0, centre[2])
            bars.append(
                block(front, (0.05, size[1] * 0.8, size[2] * 0.75), chair.accent, MATTE, 0.4)
            )
    return [*posts, *bars]


def _arms(chair: ChairDesign) -> list[ColouredMesh]:
    x, y, z = chair.depth / 2.0 - 0.06, chair.width / 2.0 + 0.01, chair.seat_height
    rest = z + min(0.22, chair.back_height * 0.5)
    meshes: list[ColouredMesh] = []
    for sign in (-1, 1):
        post = rod((x, sign * y, z), (x, sign * y, rest), chair.leg_radius, chair.frame)
        centre, size = (-0.02, sign * y, rest), (chair.depth * 0.98, 0.055, 0.03)
        meshes += [post, block(centre, size, chair.frame)]
    return meshes
