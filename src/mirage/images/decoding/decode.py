"""Bytes → an RGB photo."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from mirage.core.errors import MirageError
from mirage.core.files import as_text, path_of
from mirage.images.decoding.png import strip_text
from mirage.images.decoding.squares import to_rgb

Box = tuple[int, int, int, int]  # left, top, right, bottom: pixels from 0, the last two excluded
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})

_FORMATS = frozenset(
    {
        "AVIF",
        "BMP",
        "DDS",
        "DIB",
        "GIF",
        "HEIF",
        "JPEG",
        "JPEG2000",
        "MPO",
        "PCX",
        "PNG",
        "PPM",
        "PSD",
        "QOI",
        "SGI",
        "TGA",
        "TIFF",
        "WEBP",
    }
)

Photo = str | Path | Image.Image  # a file, or a picture that is open


class UndecodableError(ValueError):
    """The bytes are not a photo that can be used; the message is the reason in a few words."""


def decode(data: bytes, max_pixels: int, box: Box | None = None) -> Image.Image:
    """Decode to RGB: EXIF rotation applied, transparency laid on white, any mode and depth.

    Args:
        box: the part to keep, in the picture as it is stored, before EXIF rotation; what of it is
            beyond the picture is cut off.

    Raises:
        UndecodableError: not an image, truncated, more than `max_pixels` pixels, or a box that
            holds none of them.
    """
    if _is_heic(data):
        _open_heic()
    with _reasons():
        try:
            return _decode(data, max_pixels, box)
        except ValueError:
            without = strip_text(data)
            if without is None:
                raise
            return _decode(without, max_pixels, box)


def _decode(data: bytes, max_pixels: int, box: Box | None) -> Image.Image:
    with Image.open(io.BytesIO(data), formats=_formats()) as image:
        return _read(image, max_pixels, box)


@cache
def _formats() -> list[str]:
    """Those of photos, in Pillow's order; what it would start other programs for is not read."""
    Image.init()
    return [name for name in Image.ID if name in _FORMATS]


def read_photo(photo: Photo, max_pixels: int) -> Image.Image:
    """A photo as `decode` gives it, from a file or from a picture that is open already.

    Raises:
        MirageError: it cannot be read; says why.
    """
    try:
        if not isinstance(photo, Image.Image):
            return decode(path_of(photo).read_bytes(), max_pixels)
        with _reasons():
            return _read(photo, max_pixels, None)
    except (OSError, UndecodableError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise MirageError(
            f"the photo cannot be read: {why}",
            where=photo_name(photo),
            todo="check the path, or give another photo",
        ) from error


def photo_name(photo: Photo) -> str:
    """What messages call a photo: its path, or the picture's file if it has one."""
    if isinstance(photo, Image.Image):
        return as_text(str(getattr(photo, "filename", ""))) or "the picture given"
    return as_text(str(photo))


def _is_heic(data: bytes) -> bool:
    """Whether it is a photo as phones store it: by the brands after `ftyp` (ISO/IEC 23008-12)."""
    brands = data[8 : min(int.from_bytes(data[:4], "big"), 256)]
    return data[4:8] == b"ftyp" and brands[:4] in _HEIC_BRANDS and b"avif" not in brands


@cache
def _open_heic() -> None:
    """Have Pillow open HEIC too, which it does by a package that may not be there."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        raise UndecodableError(
            "HEIC (`pip install pillow-heif` to read it, or convert it to JPEG)"
        ) from error
    register_heif_opener()


def reads_heic() -> bool:
    """Whether the package that reads HEIC is there."""
    try:
        _open_heic()
    except UndecodableError:
        return False
    return True


@contextmanager
def _reasons() -> Iterator[None]:
    """Whatever goes wrong inside, as UndecodableError with the reason in a few words."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own bomb warning; the limit is ours
            yield
    except UndecodableError:
        raise
    except (Image.DecompressionBombError, MemoryError) as error:
        raise UndecodableError("too large") from error
    except Exception as error:  # Pillow's decoders raise nearly anything on damaged bytes
        raise UndecodableError(_in_words(error)) from error


def _in_words(error: Exception) -> str:
    said = (str(error).splitlines() or [""])[0]
    if isinstance(error, UnidentifiedImageError):
        return "unreadable: it is no picture of a known kind"
    return "truncated" if "truncated" in said.lower() else f"unreadable: {said[:100]}"


def _read(image: Image.Image, max_pixels: int, box: Box | None) -> Image.Image:
    if image.width * image.height > max_pixels:
        raise UndecodableError(f"too large: {image.width} × {image.height} pixels")
    image.load()
    kept = image if box is None else _crop(image, box)
    return to_rgb(kept)


def _crop(image: Image.Image, box: Box) -> Image.Image:
    left, top, right, bottom = box
    inside = max(left, 0), max(top, 0), min(right, image.width), min(bottom, image.height)
    if inside[0] >= inside[2] or inside[1] >= inside[3]:
        raise UndecodableError(f"box outside the picture: {image.width} × {image.height} pixels")
    return image.crop(inside)
