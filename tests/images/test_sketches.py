"""Copies of a photo are found among others; photos of other things are none."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageFilter

from mirage.images.sketches import SKETCH_BYTES, first_alike, sketch


def photo(seed: int, size: tuple[int, int] = (320, 240)) -> Image.Image:
    """Coarse shapes with fine grain on them, as photos have."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8)).resize(size)
    grain = rng.normal(0, 12, (size[1], size[0], 3))
    return Image.fromarray((np.asarray(coarse) + grain).clip(0, 255).astype(np.uint8))


def saved(image: Image.Image, quality: int) -> Image.Image:
    image.save(buffer := io.BytesIO(), "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def sketches(photos: list[Image.Image]) -> np.ndarray:  # type: ignore[type-arg]
    data = b"".join(map(sketch, photos))
    return np.frombuffer(data, np.uint8).reshape(len(photos), SKETCH_BYTES)


@pytest.mark.parametrize(
    "copy",
    [
        lambda image: saved(image.resize((80, 60), Image.Resampling.LANCZOS), 80),
        lambda image: saved(image, 20),
        lambda image: image.filter(ImageFilter.SHARPEN),
        lambda image: image.point(lambda value: min(255, value + 4)),
    ],
)
def test_a_copy_is_found_among_many(copy: object) -> None:
    photos = [photo(seed) for seed in range(150)]
    assert first_alike(sketches(photos)).tolist() == list(range(150))
    assert callable(copy)
    found = first_alike(sketches([*photos, *(copy(photos[i]) for i in (7, 140, 0))]))
    assert found.tolist() == [*range(150), 7, 140, 0]


def test_photos_that_differ_in_colour_or_mirrored_are_no_copies() -> None:
    image = photo(0)
    swapped = Image.merge("RGB", image.split()[::-1])
    mirrored = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    assert first_alike(sketches([image, swapped, mirrored])).tolist() == [0, 1, 2]


def test_copies_of_copies_are_one_and_none_or_one_photo_is_no_trouble() -> None:
    image = photo(1)
    chain = [image.point(lambda value, by=by: max(0, value - by)) for by in (0, 4, 8, 12)]
    assert first_alike(sketches([photo(2), *chain])).tolist() == [0, 1, 1, 1, 1]
    assert first_alike(sketches([])).tolist() == []
    assert first_alike(sketches([image])).tolist() == [0]


def test_photos_all_alike_cost_no_more_than_others() -> None:
    assert (first_alike(np.zeros((50_000, SKETCH_BYTES), np.uint8)) == 0).all()
