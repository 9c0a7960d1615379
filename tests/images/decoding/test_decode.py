"""Odd photos come out as the picture a person would see, or with a reason."""

from __future__ import annotations

import io
import struct
import sys
import warnings
import zlib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from mirage.core.errors import MirageError
from mirage.images.decoding.decode import UndecodableError, _open_heic, decode, read_photo

LIMIT = 1_000_000


def encode(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def ramp(height: int = 20, width: int = 30) -> np.ndarray[Any, np.dtype[np.uint8]]:
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 8, y * 12, (x + y) * 4], axis=-1).astype(np.uint8)


def test_exif_rotation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90° clockwise
    out = np.asarray(decode(encode(Image.fromarray(ramp()), exif=exif), LIMIT))
    assert np.array_equal(out, np.rot90(ramp(), -1))


def test_a_box_is_cut_from_the_picture_as_stored_then_turned() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encode(Image.fromarray(ramp()), exif=exif)
    out = np.asarray(decode(data, LIMIT, (3, 4, 25, 14)))
    assert np.array_equal(out, np.rot90(ramp()[4:14, 3:25], -1))
    beyond = np.asarray(decode(data, LIMIT, (20, -9, 99, 6)))
    assert np.array_equal(beyond, np.rot90(ramp()[:6, 20:], -1))
    with pytest.raises(UndecodableError, match="outside"):
        decode(data, LIMIT, (30, 0, 40, 20))


def test_transparency_is_laid_on_white() -> None:
    alpha = np.array([[0, 255, 128]], np.uint8)
    rgba = np.concatenate([np.zeros((1, 3, 3), np.uint8), alpha[..., None]], axis=-1)
    assert np.asarray(decode(encode(Image.fromarray(rgba)), LIMIT))[0, :, 0].tolist() == [
        255,
        0,
        127,
    ]


def test_transparent_palette_is_laid_on_white() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 0), 1)
    out = np.asarray(decode(encode(image, transparency=0), LIMIT))
    assert out[0].tolist() == [[255, 255, 255], [40, 50, 60]]


@pytest.mark.parametrize(
    ("top", "full"),
    [(65535, 65535), (40000, 65535), (16000, 16383), (4095, 4095), (1000, 1023), (200, 255)],
)
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_white_of_a_16_bit_grey_is_that_of_the_camera(top: int, full: int, kind: str) -> None:
    grey = np.array([[0, top // 2, top]], np.uint16)
    out = np.asarray(decode(encode(Image.fromarray(grey), kind), LIMIT))[0, :, 0]
    assert np.abs(out - grey[0] * 255.0 / full).max() <= 1.0


@pytest.mark.parametrize(
    ("values", "levels"),
    [
        ([0.0, 0.5, 1.0], [0, 127, 255]),
        ([-0.2, 0.5, 1.3], [0, 127, 255]),  # sharpened
        ([0.0, 100.0, 255.0], [0, 100, 255]),
        ([0.0, float("nan"), 1.0], [0, 0, 255]),
        ([0.0, 32768.0, 65535.0], [0, 127, 255]),
    ],
)
def test_floats_are_told_by_how_bright_they_are(values: list[float], levels: list[int]) -> None:
    data = encode(Image.fromarray(np.array([values], np.float32)), "TIFF")
    out = np.asarray(decode(data, LIMIT))[0, :, 0]
    assert np.abs(out.astype(int) - levels).max() <= 1


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(
    "damaged",
    [
        (0x011A, 5, 1, 10**6),  # beyond the end
        (0x0100, 2, 4, 0x00636261),  # text where a number is due
        (0x0128, 2, 4, 0x00636261),
        (0x010F, 2, 2**31, 8),
    ],
)
def test_a_photo_with_damaged_exif_is_used_and_upright(
    damaged: tuple[int, int, int, int], first: bool
) -> None:
    entries = [struct.pack("<HHII", 0x0112, 3, 1, 6), struct.pack("<HHII", *damaged)]
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + b"".join(entries[:: 1 if first else -1])
    data = encode(Image.fromarray(ramp()), "JPEG", exif=exif + bytes(4), quality=95)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's own
        out = np.asarray(decode(data, LIMIT))
    assert out.shape == (30, 20, 3)
    assert abs(out.astype(int) - np.rot90(ramp(), -1)).mean() < 8


@pytest.mark.parametrize(
    "chunk",
    [
        (b"tEXt", b"prompt\0" + b"x" * 2_000_000),
        (b"zTXt", b"prompt\0\0" + zlib.compress(b"x" * 2_000_000)),
        (b"iTXt", b"prompt\0\1\0\0\0" + zlib.compress(b"x" * 2_000_000)),
    ],
)
@pytest.mark.parametrize("after", [True, False])
def test_a_png_with_a_long_text_is_used(chunk: tuple[bytes, bytes], after: bool) -> None:
    text = PngInfo()
    text.add(*chunk, after_idat=after)
    out = decode(encode(Image.fromarray(ramp()), pnginfo=text), LIMIT)
    assert np.array_equal(np.asarray(out), ramp())


def test_why_a_photo_cannot_be_read_is_told_and_always_alike() -> None:
    told = set()
    for _ in range(2):
        with pytest.raises(UndecodableError, match="unreadable: it is no picture") as caught:
            decode(b"hello", LIMIT)
        told.add(str(caught.value))
    assert len(told) == 1


@pytest.mark.parametrize("kind", ["BMP", "DIB", "TGA", "PPM", "PCX", "SGI", "JPEG2000", "DDS"])
def test_pictures_of_many_kinds_are_read(kind: str) -> None:
    out = np.asarray(decode(encode(Image.fromarray(ramp()), kind), LIMIT))
    assert np.abs(out.astype(int) - ramp()).mean() < 8


def test_what_another_program_would_have_to_draw_is_not_read() -> None:
    with pytest.raises(UndecodableError, match="no picture of a known kind"):
        decode(encode(Image.fromarray(ramp()), "EPS"), LIMIT)


def test_cmyk_is_converted() -> None:
    data = encode(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95)
    red, green, blue = np.asarray(decode(data, LIMIT)).reshape(-1, 3).mean(axis=0)
    assert red > 200 and green < 60 and blue < 60


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_cut_short_is_refused(kind: str) -> None:
    rng = np.random.default_rng(0)
    data = encode(Image.fromarray(rng.integers(0, 256, (64, 64, 3), np.uint8)), kind)
    assert decode(data, LIMIT).size == (64, 64)
    with pytest.raises(UndecodableError, match=r"truncated|unreadable"):
        decode(data[: len(data) // 2], LIMIT)


@pytest.mark.parametrize("data", [b"", b"hello", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_no_image_is_refused(data: bytes) -> None:
    with pytest.raises(UndecodableError):
        decode(data, LIMIT)


def test_too_many_pixels_are_refused_before_decoding() -> None:
    with pytest.raises(UndecodableError, match="too large: 30 × 20"):
        decode(encode(Image.fromarray(ramp())), 599)


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"


def test_what_reads_heic_is_named_where_it_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    _open_heic.cache_clear()
    for _ in range(2):
        with pytest.raises(UndecodableError, match=r"pip install pillow-heif.*JPEG"):
            decode(HEIC, LIMIT)


def test_pillow_reads_heic_by_the_package_where_it_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The package stands in: it says when it was asked."""
    asked: list[int] = []
    package: Any = ModuleType("pillow_heif")
    package.register_heif_opener = lambda: asked.append(1)
    monkeypatch.setitem(sys.modules, "pillow_heif", package)
    _open_heic.cache_clear()
    for _ in range(2):
        with pytest.raises(UndecodableError, match="unreadable"):  # it is but a header
            decode(HEIC, LIMIT)
    assert asked == [1]
    _open_heic.cache_clear()


def test_avif_is_not_taken_for_heic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some writers name what both have in common first."""
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    _open_heic.cache_clear()
    with pytest.raises(UndecodableError, match="unreadable"):
        decode(b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", LIMIT)


@pytest.mark.parametrize("orientation", [1, 6])
def test_cmyk_and_a_picture_that_is_open_come_out_alike(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(ramp()).convert("CMYK").save(tmp_path / "a.jpg", quality=95, exif=exif)
    from_file = np.asarray(read_photo(tmp_path / "a.jpg", LIMIT))
    upright = np.rot90(ramp(), -1) if orientation == 6 else ramp()
    assert abs(from_file.astype(int) - upright).mean() < 8
    with Image.open(tmp_path / "a.jpg") as picture:
        assert np.array_equal(read_photo(picture, LIMIT), from_file)
        assert picture.mode == "CMYK"  # the caller's is left as it is


def test_a_photo_that_cannot_be_read_is_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(encode(Image.fromarray(ramp(200, 300)), "JPEG")[:-200])
    for name, reason in (("a.jpg", "truncated"), ("b.jpg", "No such file"), ("", "directory")):
        with pytest.raises(MirageError, match=reason) as caught:
            read_photo(str(tmp_path / name), LIMIT)
        assert caught.value.where == str(tmp_path / name)
    with pytest.raises(MirageError, match="too large") as caught:
        read_photo(Image.new("RGB", (9, 9)), 80)
    assert caught.value.where == "the picture given"
