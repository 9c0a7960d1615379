"""Photos as another camera might have taken them: framed, lit and focused otherwise.

What poses are read by is learned from one set of photos, and photos from elsewhere differ from
them in ways that have nothing to do with the pose. Copies that differ in such ways, at azimuths
that are known from the photo itself, tell how much they change a descriptor, and in which
directions, so that those count less (Simard et al. 1998, "Transformation invariance in pattern
recognition", for noise that is drawn and not derived).
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mirage.core.contracts import ByteArray, check_shape
from mirage.images.decoding.squares import extrapolate

_SCALE = (0.6, 1.15)  # of the photo in the square
_SHIFT = 0.08  # of the side, at most, in either direction
_FRAMED_ALIKE = 8  # photos of a batch that are framed and focused alike: their fill is one pass
_FOCUS = (0.45, 1.0)  # share of the square's pixels a side that a copy has
_LIGHTS = 3  # places a side at which the light of a copy is drawn
# Standard deviations of logarithms.
_GAMMA, _CONTRAST, _GAIN, _TINT, _LIGHT = 0.35, 0.25, 0.2, 0.12, 0.3
_SATURATION = (0.4, 1.5)


def copy_photos(photos: ByteArray, rng: np.random.Generator) -> ByteArray:
    """[B, S, S, 3] uint8 → a copy of each, framed, lit and focused otherwise."""
    check_shape("photos", photos, (None, None, None, 3))
    groups = [
        _frame(torch.from_numpy(photos[start : start + _FRAMED_ALIKE].copy()), rng)
        for start in range(0, len(photos), _FRAMED_ALIKE)
    ]
    return np.asarray(_light(torch.cat(groups), rng).numpy())


def _frame(photos: Tensor, rng: np.random.Generator) -> Tensor:
    """[B, S, S, 3] uint8, smaller or larger, off the middle, and as sharp as it comes."""
    side = photos.shape[1]
    length = max(8, round(side * rng.uniform(*_SCALE)))
    left, top = (round((side - length) / 2 + side * rng.uniform(-_SHIFT, _SHIFT)) for _ in "xy")
    planes = _resize(photos.permute(0, 3, 1, 2).float(), length)
    inner = planes[:, :, max(-top, 0) : side - top, max(-left, 0) : side - left]
    sharp = inner.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()
    framed = extrapolate(sharp, side, max(top, 0), max(left, 0)).permute(0, 3, 1, 2).float()
    focused = _resize(_resize(framed, round(side * rng.uniform(*_FOCUS))), side)
    return focused.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)


def _resize(planes: Tensor, side: int) -> Tensor:
    return F.interpolate(planes, (side, side), mode="bilinear", antialias=True)


def _light(photos: Tensor, rng: np.random.Generator) -> Tensor:
    """[B, S, S, 3] uint8 in another light, each in its own."""
    num, side = len(photos), photos.shape[1]

    def drawn(deviation: float, *shape: int) -> Tensor:
        return torch.from_numpy(np.exp(rng.normal(0.0, deviation, (num, *shape)))).float()

    shades = photos.permute(0, 3, 1, 2).float() / 255.0
    shades = shades ** drawn(_GAMMA, 1, 1, 1)
    shades = 0.5 + (shades - 0.5) * drawn(_CONTRAST, 1, 1, 1)
    lights = drawn(_LIGHT, 1, _LIGHTS, _LIGHTS)
    shades = shades * F.interpolate(lights, (side, side), mode="bicubic", align_corners=True)
    shades = shades * drawn(_GAIN, 1, 1, 1) * drawn(_TINT, 3, 1, 1)
    grey = shades.mean(dim=1, keepdim=True)
    saturation = torch.from_numpy(rng.uniform(*_SATURATION, (num, 1, 1, 1))).float()
    shades = grey + (shades - grey) * saturation
    return (shades * 255.0).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
