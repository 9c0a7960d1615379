"""An open picture → an RGB photo → the square of pixels that networks see."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageOps

from mirage.contracts import ByteArray

_RESAMPLE = Image.Resampling.LANCZOS


def to_rgb(image: Image.Image) -> Image.Image:
    """A picture of any mode and depth as RGB, upright by EXIF, transparency laid on white."""
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith(("I", "F")):  # 16- and 32-bit greys: Pillow would clip them
        values = np.asarray(image, dtype=np.float64)
        deep = image.mode.startswith("I;16") or values.max() > 255
        full = 65535.0 if deep else 255.0
        return Image.fromarray((values.clip(0, full) * (255 / full)).astype(np.uint8)).convert(
            "RGB"
        )
    if "A" in image.getbands() or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def to_square(image: Image.Image, size: int, fit: str) -> ByteArray:
    """[size, size, 3] uint8, antialiased.

    Args:
        fit: `pad` keeps all of the photo and its aspect, filling with the median colour of its
            border; `crop` takes the middle; `stretch` ignores the aspect.
    """
    if fit == "stretch":
        return np.array(image.resize((size, size), _RESAMPLE))
    if fit == "crop":
        return np.array(ImageOps.fit(image, (size, size), _RESAMPLE))
    scale = size / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    inner = image.resize((width, height), _RESAMPLE)
    pixels = np.asarray(inner)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    square = np.empty((size, size, 3), np.uint8)
    square[:] = np.median(border, axis=0).astype(np.uint8)
    top, left = (size - pixels.shape[0]) // 2, (size - pixels.shape[1]) // 2
    square[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    return square
