"""Colours: what the objects are painted with."""

from __future__ import annotations

import colorsys

import numpy as np

from mirage.images.turntable.solids import Colour

# Of what is the same on all cars.
GLASS_COLOUR: Colour = (28, 36, 46)
RUBBER: Colour = (22, 22, 24)
GRILLE: Colour = (18, 19, 22)
HEADLIGHT: Colour = (255, 250, 225)
TAIL_LIGHT: Colour = (225, 12, 18)
PLATE: Colour = (240, 240, 235)


def from_hsv(hue: float, saturation: float, value: float) -> Colour:
    """Hue, saturation, value in [0, 1] → sRGB bytes."""
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    return round(255 * red), round(255 * green), round(255 * blue)


def sample_paint(rng: np.random.Generator, vivid_share: float = 0.68) -> Colour:
    """A paint: a saturated hue, or (1 − vivid_share) a white, silver, grey or near-black."""
    if rng.random() < vivid_share:
        return from_hsv(rng.random(), rng.uniform(0.55, 0.95), rng.uniform(0.5, 0.95))
    value = rng.choice([0.14, 0.35, 0.6, 0.76, 0.94]) + rng.uniform(-0.03, 0.03)
    return from_hsv(rng.random(), rng.uniform(0.0, 0.06), value)


def sample_contrast(rng: np.random.Generator, paint: Colour) -> Colour:
    """A second colour that stands out from `paint` (RGB distance of at least 110)."""
    for _ in range(50):
        colour = sample_paint(rng, vivid_share=0.5)
        if np.linalg.norm(np.subtract(colour, paint, dtype=float)) >= 110.0:
            return colour
    return (245, 245, 245) if sum(paint) < 380 else (25, 25, 28)


def shade(colour: Colour, factor: float) -> Colour:
    """The colour made darker (factor below 1) or lighter, clipped."""
    red, green, blue = (min(255, round(channel * factor)) for channel in colour)
    return red, green, blue
