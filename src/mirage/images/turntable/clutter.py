"""A busy background: a wall and a floor with textures, and things that stand and hang about."""

from __future__ import annotations

import numpy as np

from mirage.core.contracts import FloatArray
from mirage.images.turntable.palette import sample_paint
from mirage.images.turntable.textures import sample_texture

_SAMPLES = 2  # per pixel and axis


def paint_clutter(room: FloatArray, horizon: float, seed: int) -> FloatArray:
    """The empty room with clutter that is a function of the seed, at any size of picture.

    Args:
        room: [S, S, 3] float in [0, 255].
        horizon: where floor and wall meet, over the picture's middle, in half sides.
        seed: of everything in it.

    Returns:
        [S, S, 3] float in [0, 255].
    """
    rng = np.random.default_rng(seed)
    size = len(room)
    ticks = (np.arange(size * _SAMPLES) + 0.5) / (size * _SAMPLES) * 2.0 - 1.0
    across, up = np.meshgrid(ticks, -ticks)
    picture = room.repeat(_SAMPLES, axis=0).repeat(_SAMPLES, axis=1)
    for is_here, depth in (
        (up >= horizon, np.ones_like(up)),
        (up < horizon, 0.2 + np.maximum(horizon - up, 0.0)),  # the floor comes nearer downwards
    ):
        strength = rng.uniform(0.15, 0.7)
        places = np.stack([(across / depth)[is_here], (up / depth)[is_here]], axis=1)
        picture[is_here] += strength * (_pattern(places, rng) - picture[is_here])
    light = rng.uniform(-0.3, 0.3)
    bottoms = np.sort(rng.uniform(-1.3, 0.8, int(rng.integers(6, 13))))[::-1]
    for bottom in bottoms:  # the nearer ones, lower in the picture, cover the others
        _add_thing(picture, across, up, float(bottom), light, rng)
    cells = picture.reshape(size, _SAMPLES, size, _SAMPLES, 3)
    return np.asarray(cells.mean(axis=(1, 3)))


def _add_thing(
    picture: FloatArray,
    across: FloatArray,
    up: FloatArray,
    bottom: float,
    light: float,
    rng: np.random.Generator,
) -> None:
    """Draw a box, ball, diamond, board or post in place: a superellipse, lit from one side."""
    half_width, half_height = rng.uniform(0.08, 0.3), rng.uniform(0.1, 0.35)
    if rng.random() < 0.25:
        half_width, half_height = rng.uniform(0.03, 0.08), rng.uniform(0.5, 1.2)
    power = float(rng.choice([1.0, 2.0, 12.0], p=[0.2, 0.3, 0.5]))
    tilt = rng.normal(0.0, 0.15)
    x, y = across - rng.uniform(-1.1, 1.1), up - bottom - half_height
    a = (np.cos(tilt) * x + np.sin(tilt) * y) / half_width
    b = (np.cos(tilt) * y - np.sin(tilt) * x) / half_height
    is_here = np.maximum(np.abs(a), np.abs(b)) < 1.0
    is_here[is_here] = np.abs(a[is_here]) ** power + np.abs(b[is_here]) ** power < 1.0
    colour: FloatArray = np.asarray(sample_paint(rng), np.float64)
    if rng.random() < 0.6:
        colour = _pattern(np.stack([x[is_here], y[is_here]], axis=1), rng)
    shade = 0.85 + light * a[is_here] + 0.15 * b[is_here]
    picture[is_here] = (colour * shade[:, None]).clip(0.0, 255.0)


def _pattern(places: FloatArray, rng: np.random.Generator) -> FloatArray:
    """[N, 2] places on a surface → [N, 3] colours in [0, 255] of a random texture."""
    points = np.concatenate([places, np.zeros((len(places), 1))], axis=1)
    return sample_texture(rng, (0.08, 0.45)).colour_at(points).astype(np.float64)
