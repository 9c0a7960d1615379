"""An open picture → an RGB photo → the square of pixels that networks see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from torch import Tensor

from mirage.core.contracts import ByteArray, Window
from mirage.images.decoding.exif import upright

_RESAMPLE = Image.Resampling.LANCZOS
_BITS = (8, 10, 12, 14, 16, 24, 32)  # that a grey may have
_ABOUT_ONE = 2.0  # sharpened floats go beyond 1


def to_rgb(image: Image.Image) -> Image.Image:
    """A picture of any mode and depth as RGB, upright by EXIF, transparency laid on white."""
    image = upright(image)
    if image.mode.startswith(("I", "F")):  # 16- and 32-bit greys: Pillow would clip them
        values = np.nan_to_num(np.asarray(image, dtype=np.float64), posinf=0.0, neginf=0.0)
        full = _full_scale(values.max(), image.mode == "F")
        grey = (values.clip(0, full) * (255 / full)).astype(np.uint8)
        return Image.fromarray(grey).convert("RGB")
    if "A" in image.getbands() or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def _full_scale(brightest: float, is_float: bool) -> float:
    """What white is: 1 of floats that stay about there, else the end of the fewest bits of a
    camera's that hold the brightest pixel, since files of 16 bits often hold 10, 12 or 14.
    """
    if is_float and brightest <= _ABOUT_ONE:
        return 1.0
    bits = next((bits for bits in _BITS if brightest < 2**bits), _BITS[-1])
    return 2.0**bits - 1.0


def to_square(image: Image.Image, size: int, fit: str, window: Window | None = None) -> ByteArray:
    """[size, size, 3] uint8, antialiased.

    Args:
        fit: `pad` keeps all of the photo and its aspect, filling with the median colour of its
            border; `crop` takes the middle; `stretch` ignores the aspect.
        window: in place of all this, what is seen through a square window; where it reaches beyond
            the photo, the median colour of its border.
    """
    if window is not None:
        return _through(window, image, size, _in_colour)
    if fit == "stretch":
        return np.array(image.resize((size, size), _RESAMPLE))
    if fit == "crop":
        return np.array(ImageOps.fit(image, (size, size), _RESAMPLE))
    scale = size / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    pixels = torch.from_numpy(np.array(image.resize((width, height), _RESAMPLE)))
    return _in_colour(pixels[None], size, (size - height) // 2, (size - width) // 2)[0].numpy()


def to_frame(image: Image.Image, size: int, window: Window) -> ByteArray:
    """[size, size, 3] uint8, what is seen through a window, for a model to learn.

    Beyond the photo it goes on ever more blurred, so that nothing is there to be learned: bars of
    one colour would be, and would come and go with the pose.
    """
    return _through(window, image, size, extrapolate)


def border_colour(pixels: ByteArray) -> ByteArray:
    """[3] the median colour of the outermost pixels of [H, W, 3]."""
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    return np.median(border, axis=0).astype(np.uint8)


# Sets pictures [B, h, w, 3] into squares of a side, at top and left.
Setting = Callable[[Tensor, int, int, int], Tensor]


def _through(window: Window, image: Image.Image, size: int, setting: Setting) -> ByteArray:
    left, top, side = window
    x, y = (
        _Span.of(start, side, length / max(image.size), length, size)
        for start, length in zip((left, top), image.size, strict=True)
    )
    if x.is_empty or y.is_empty:
        return np.full((size, size, 3), border_colour(np.asarray(image)), np.uint8)
    box = (x.source[0], y.source[0], x.source[1], y.source[1])
    inner = image.resize((x.stop - x.start, y.stop - y.start), _RESAMPLE, box)
    return setting(torch.from_numpy(np.array(inner))[None], size, y.start, x.start)[0].numpy()


def _in_colour(pictures: Tensor, size: int, top: int, left: int) -> Tensor:
    """[B, h, w, 3] → [B, size, size, 3], each in the colour of its border."""
    _, height, width, _ = pictures.shape
    colours = np.stack([border_colour(picture) for picture in pictures.numpy()])
    square = torch.from_numpy(colours)[:, None, None].repeat(1, size, size, 1)
    square[:, top : top + height, left : left + width] = pictures
    return square


@dataclass(frozen=True)
class _Span:
    """Where a photo lies in a square along one side, in whole pixels, and what of it is there."""

    start: int
    stop: int
    source: tuple[float, float]

    @classmethod
    def of(cls, window: float, side: float, share: float, length: int, size: int) -> _Span:
        """Of a photo of `length` pixels, which are that share of its longer side."""
        scale = size * share / (side * length)  # pixels of the square to one of the photo
        begin = ((1 - share) / 2 - window) * size / side
        start = min(max(round(begin), 0), size)
        stop = min(max(round(begin + length * scale), start), size)
        low, high = (min(max((at - begin) / scale, 0.0), float(length)) for at in (start, stop))
        return cls(start, stop, (low, high))

    @property
    def is_empty(self) -> bool:
        return self.start == self.stop or self.source[0] >= self.source[1]


def extrapolate(pictures: Tensor, size: int, top: int, left: int = 0) -> Tensor:
    """[B, h, w, 3] uint8 → [B, size, size, 3] uint8 that go on round them, ever more blurred.

    Args:
        top, left: where in the square a picture's upper left corner lies.
    """
    height, width = pictures.shape[1:3]
    beyond = (left, size - left - width, top, size - top - height)
    known = F.pad(torch.ones_like(pictures[..., 0], dtype=torch.float32), beyond)[:, None]
    square = F.pad(pictures.permute(0, 3, 1, 2).float(), beyond)
    return _fill(square, known).round().to(torch.uint8).permute(0, 2, 3, 1)


def _fill(pictures: Tensor, known: Tensor) -> Tensor:
    """Fill [B, C, S, S] where [B, 1, S, S] is 0: close to what is known sharply, far off its mean.

    Gortler et al. 1996, "The Lumigraph", pull-push: means of four pixels, as far as they are known,
    are filled first, and stand where nothing is known.
    """
    side = pictures.shape[-1]
    if side == 1:
        return pictures
    known_only = pictures * known
    # Cells overlap: else what lies just beyond the border of one is known no sooner than its end.
    spread = [F.avg_pool2d(F.pad(x, (1, 1, 1, 1)), 3, 1) for x in (known_only, known)]
    halves = [F.avg_pool2d(F.pad(x, (0, side % 2) * 2), 2) for x in spread]
    mean, total = halves[0] / halves[1].clamp(min=1e-6), 4 * halves[1]
    coarse = _fill(mean, total.clamp(max=1.0))
    fine = F.interpolate(coarse, (side, side), mode="bilinear")
    return known_only + (1 - known) * fine


def flip_photos(images: ByteArray) -> ByteArray:
    """[B, H, W, 3], left and right exchanged."""
    return np.ascontiguousarray(images[:, :, ::-1])
