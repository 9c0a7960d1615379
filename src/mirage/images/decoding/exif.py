"""Which way up a photo is, by its EXIF, of which other entries may be damaged."""

from __future__ import annotations

from PIL import ExifTags, Image

_ORIENTATION = ExifTags.Base.Orientation
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def upright(image: Image.Image) -> Image.Image:
    """The picture turned as its EXIF says; as it is where that says nothing."""
    try:
        orientation = image.getexif().get(_ORIENTATION)
    except Exception:  # Pillow raises nearly anything on damaged bytes
        orientation = None
    if orientation is None:  # Pillow gives up at the first entry that is damaged
        orientation = _find_orientation(image.info.get("exif") or b"")
    turn = _TURNS.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


def _find_orientation(exif: bytes) -> int | None:
    """The entry's value, by a walk over the first directory (TIFF 6.0, 12 bytes an entry)."""
    tiff = exif.removeprefix(b"Exif\0\0")
    big = tiff.startswith(b"MM")

    def number(start: int, size: int) -> int:
        return int.from_bytes(tiff[start : start + size], "big" if big else "little")

    start = number(4, 4)
    for entry in range(start + 2, min(len(tiff), start + 2 + 12 * number(start, 2)), 12):
        if number(entry, 2) == _ORIENTATION:
            return number(entry + 8, 2)
    return None
