"""Mugs: a turned body, dark inside, a handle at the back and a picture on the front."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mirage.core.contracts import FloatArray
from mirage.images.turntable.palette import sample_contrast, sample_paint, shade
from mirage.images.turntable.solids import PAINT, BoolArray, Colour, ColouredMesh, lathe, sweep

PATTERNS = ("plain", "band", "half", "rings")
DECALS = ("disc", "square", "diamond", "heart")


@dataclass(frozen=True)
class MugDesign:
    """One mug; lengths in units of its height. The picture faces +x, the handle −x."""

    foot: float  # radius at the bottom
    rim: float  # radius at the top
    belly: float  # bulge half way up, added to the radius
    wall: float
    handle_reach: float  # how far the handle stands out
    handle_radius: float
    handle_span: tuple[float, float]  # heights where it joins
    pattern: str
    decal: str
    decal_size: float  # half its height
    body: Colour
    second: Colour
    handle: Colour
    inside: Colour
    picture: Colour

    @property
    def skin(self) -> tuple[Colour, ...]:
        """The colours that a texture may cover; the inside and the picture stay."""
        return self.body, self.second, self.handle


def sample_mug(rng: np.random.Generator) -> MugDesign:
    """Draw a mug."""
    rim = rng.uniform(0.34, 0.48)
    body = sample_paint(rng)
    second = sample_contrast(rng, body)
    return MugDesign(
        foot=rim * rng.uniform(0.72, 1.0),
        rim=rim,
        belly=rng.uniform(-0.03, 0.09),
        wall=rng.uniform(0.03, 0.05),
        handle_reach=rng.uniform(0.24, 0.34),
        handle_radius=rng.uniform(0.04, 0.06),
        handle_span=(rng.uniform(0.16, 0.28), rng.uniform(0.72, 0.86)),
        pattern=PATTERNS[int(rng.integers(len(PATTERNS)))],
        decal=DECALS[int(rng.integers(len(DECALS)))],
        decal_size=rng.uniform(0.17, 0.24),
        body=body,
        second=second,
        handle=second if rng.random() < 0.3 else body,
        inside=shade(sample_paint(rng, 0.3), 0.35),
        picture=sample_contrast(rng, body),
    )


def build_mug(mug: MugDesign) -> list[ColouredMesh]:
    """The mug as coloured meshes, standing on z = 0."""
    heights = np.linspace(0.0, 1.0, 81)
    lip = 1.0 + 0.02 * np.array([1.0, 1.0])
    rim = mug.rim - mug.wall * np.array([0.25, 0.75])
    outside = np.concatenate(
        [[[0.0, 0.0]], np.stack([_radius(mug, heights), heights], 1), np.stack([rim, lip], 1)]
    )
    depths = heights[::-2][:-2]
    inner = np.stack([_radius(mug, depths) - mug.wall, depths], 1)
    inside = np.concatenate([inner, [[0.0, depths[-1]]]])
    return [
        _decorate(mug, lathe(outside, mug.body, PAINT, 160)),
        lathe(inside, mug.inside, PAINT, 64),
        _handle(mug),
    ]


def _radius(mug: MugDesign, height: FloatArray) -> FloatArray:
    """Outer radius at each height in [0, 1]."""
    straight = mug.foot + (mug.rim - mug.foot) * height
    return np.asarray(straight + mug.belly * np.sin(np.pi * height))


def _decorate(mug: MugDesign, body: ColouredMesh) -> ColouredMesh:
    x, y, z = body.centroids().T
    if mug.pattern == "band":
        body = body.painted((z < 0.16) | (z > 0.9), mug.second)
    elif mug.pattern == "half":
        body = body.painted(z < 0.4, mug.second)
    elif mug.pattern == "rings":
        body = body.painted((z % 0.25 < 0.07) & (z > 0.05), mug.second)
    around = np.arctan2(y, x) * np.hypot(x, y) / mug.decal_size
    upward = (z - 0.52) / mug.decal_size
    return body.painted(_is_in_decal(mug.decal, around, upward), mug.picture)


def _is_in_decal(decal: str, a: FloatArray, b: FloatArray) -> BoolArray:
    """Mask of the points (a, b) in a figure that fills [-1, 1]² and mirrors in a."""
    if decal == "disc":
        return a**2 + b**2 < 1.0
    if decal == "square":
        return np.maximum(np.abs(a), np.abs(b)) < 0.85
    if decal == "diamond":
        return np.abs(a) + np.abs(b) < 1.15
    return (a**2 + (1.15 * b + 0.1 - 0.75 * np.sqrt(np.abs(a))) ** 2) < 0.9


def _handle(mug: MugDesign) -> ColouredMesh:
    """Half a loop in the plane y = 0, sunk into the wall at both ends."""
    low, high = mug.handle_span
    angle = np.linspace(-np.pi / 2.0, np.pi / 2.0, 25)
    share = (np.sin(angle) + 1.0) / 2.0
    height = low + (high - low) * share
    out = _radius(mug, height) - mug.wall * 0.6 + mug.handle_reach * np.cos(angle) ** 0.7
    path = np.stack([-out, np.zeros_like(out), height], axis=1)
    return sweep(path, mug.handle_radius, mug.handle, PAINT)
