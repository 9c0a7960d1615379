"""Pictures repeat to the byte, turn the right way, and tell front from rear."""

from __future__ import annotations

import numpy as np
import pytest

from mirage.images.turntable.objects import CATEGORIES, sample_objects
from mirage.images.turntable.pictures import render, render_mask

SIZE = 48


@pytest.mark.parametrize("category", CATEGORIES)
def test_the_same_view_is_the_same_bytes(category: str) -> None:
    one, other = sample_objects(category, 2, 0)
    first = render(one, 33.0, SIZE)
    render(other, 120.0, SIZE)
    assert np.array_equal(render(one, 33.0, SIZE), first)
    assert first.shape == (SIZE, SIZE, 3) and first.dtype == np.uint8
    assert not np.array_equal(render(one, 90.0, SIZE), first)


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize("azimuth", [0.0, 40.0, 155.0])
def test_mirroring_the_silhouette_is_turning_the_other_way(category: str, azimuth: float) -> None:
    spec = sample_objects(category, 1, 5)[0]
    mask = render_mask(spec, azimuth, SIZE)
    assert 0.05 < mask.mean() < 0.7
    mirrored = render_mask(spec, -azimuth, SIZE)[:, ::-1]
    assert (mask & mirrored).sum() / (mask | mirrored).sum() > 0.97


def test_the_object_stays_within_the_picture() -> None:
    for spec in sample_objects("cars", 3, 1):
        for azimuth in (0.0, 60.0, 90.0):
            mask = render_mask(spec, azimuth, SIZE)
            assert not mask[0].any() and not mask[-1].any()
            assert mask[:, [0, -1]].sum() <= 4


def redness(picture: np.ndarray, mask: np.ndarray) -> float:  # type: ignore[type-arg]
    red, green, blue = picture[mask].astype(float).T
    return float(((red > 150) & (green < 70) & (blue < 70)).mean())


def test_tail_lights_show_behind_and_not_in_front() -> None:
    found = 0
    for spec in sample_objects("cars", 8, 2):
        red, green, blue = spec.design.paint
        if red > green + 60 and red > blue + 60:
            continue  # a red car hides the difference
        found += 1
        front, rear = (
            redness(render(spec, azimuth, SIZE), render_mask(spec, azimuth, SIZE))
            for azimuth in (0.0, 180.0)
        )
        assert rear > front + 0.01
    assert found >= 3


def test_at_90_degrees_the_front_points_right() -> None:
    checked = 0
    for spec in sample_objects("cars", 6, 2):
        red, green, blue = spec.design.paint
        if red > green + 60 and red > blue + 60:
            continue
        picture = render(spec, 60.0 + 45.0, SIZE).astype(int)  # the rear turned a little to us
        mask = render_mask(spec, 105.0, SIZE)
        lights = mask & (picture[..., 0] > 150) & (picture[..., 1] < 70) & (picture[..., 2] < 70)
        if lights.any():
            checked += 1
            assert np.nonzero(lights)[1].mean() < np.nonzero(mask)[1].mean()
    assert checked >= 2
