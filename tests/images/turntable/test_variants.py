"""Textures stay on their object; clutter changes with the view and leaves the mask true."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mirage.core.contracts import ByteArray
from mirage.images.turntable.objects import (
    CATEGORIES,
    ObjectSpec,
    build_meshes,
    sample_objects,
    view_scene,
)
from mirage.images.turntable.pictures import render, render_mask
from mirage.images.turntable.scene import paint_backdrop
from mirage.images.turntable.studio import Studio

SIZE = 48


def sample_one(category: str, variant: str, index: int = 0) -> ObjectSpec:
    return sample_objects(category, index + 1, 4, variant=variant)[index]


def differ(one: ByteArray, other: ByteArray, by: int = 0) -> np.ndarray:  # type: ignore[type-arg]
    return np.asarray(np.abs(one.astype(int) - other).max(axis=-1) > by)


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize("variant", ["textured", "cluttered"])
def test_the_same_view_is_the_same_bytes_whatever_came_before(category: str, variant: str) -> None:
    spec, other = sample_one(category, variant), sample_one(category, variant, 1)
    first = render(spec, 33.0, SIZE)
    render(spec, 200.0, SIZE)
    assert np.array_equal(render(spec, 33.0, SIZE), first)
    render(other, 120.0, SIZE)
    assert np.array_equal(render(spec, 33.0 + 360.0, SIZE), first)
    assert not np.array_equal(render(other, 33.0, SIZE), first)


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_texture_changes_the_object_and_nothing_else(category: str) -> None:
    plain, textured = sample_one(category, "plain"), sample_one(category, "textured")
    for azimuth in (20.0, 250.0):
        changed = differ(render(plain, azimuth, SIZE), render(textured, azimuth, SIZE), 10)
        mask = render_mask(plain, azimuth, SIZE)
        assert np.array_equal(render_mask(textured, azimuth, SIZE), mask)
        assert changed[mask].mean() > 0.25
        touched = mask.copy()  # a pixel that is covered by less than half may change too
        for axis in (0, 1):
            touched |= np.roll(touched, 1, axis) | np.roll(touched, -1, axis)
        assert not changed[~touched].any()


def test_refining_for_a_texture_keeps_the_surface() -> None:
    plain, textured = (build_meshes(sample_one("chairs", v)) for v in ("plain", "textured"))
    for before, after in zip(plain, textured, strict=True):
        areas = []
        for mesh in (before, after):
            corners = mesh.vertices[mesh.triangles]
            sides = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
            areas.append(np.linalg.norm(sides, axis=1).sum())
        assert areas[0] == pytest.approx(areas[1], rel=1e-4)
        assert np.allclose(np.linalg.norm(after.normals, axis=1), 1.0, atol=1e-6)


def test_a_texture_turns_with_its_object() -> None:
    # Seen and lit from straight above, turning the object turns the picture.
    spec = sample_one("chairs", "textured")
    scene = replace(spec.scene, elevation=89.99, light_elevation=90.0)
    studio = Studio(SIZE)
    studio.set_up(build_meshes(spec))
    (one, cover), (turned, _) = (studio.shoot(scene, azimuth) for azimuth in (0.0, 90.0))
    inside = (cover == 1.0) & np.rot90(cover == 1.0)
    away = np.abs(one.astype(int) - turned)[inside].mean()
    assert np.abs(np.rot90(one).astype(int) - turned)[inside].mean() < 0.1 * away


@pytest.mark.parametrize("category", CATEGORIES)
def test_every_view_has_a_background_of_its_own(category: str) -> None:
    spec = sample_one(category, "cluttered")
    azimuths = (10.0, 10.001, 190.0)
    pictures = [render(spec, azimuth, SIZE) for azimuth in azimuths]
    masks = [render_mask(spec, azimuth, SIZE) for azimuth in azimuths]
    for i, j in ((0, 1), (0, 2), (1, 2)):
        background = ~masks[i] & ~masks[j]
        assert differ(pictures[i], pictures[j], 10)[background].mean() > 0.7
    assert not np.array_equal(masks[0], masks[1])  # nor does the object stay in its place


@pytest.mark.parametrize("category", CATEGORIES)
def test_the_mask_is_where_a_picture_with_and_one_without_the_object_differ(category: str) -> None:
    spec, size = sample_one(category, "cluttered"), 128  # large, for a thin slat is mostly edge
    studio = Studio(size)
    studio.set_up(build_meshes(spec))
    for azimuth in (75.0, 200.0):
        scene = replace(view_scene(spec, azimuth), shadow=0.0)
        picture, _ = studio.shoot(scene, azimuth)
        anywhere = np.array([5.0, 0.0, 2.0])  # only the shadow depends on the camera
        empty = paint_backdrop(scene, size, anywhere, np.zeros(3), (1.0, 1.0), azimuth)
        changed = differ(picture, np.rint(empty).astype(np.uint8), 12)
        mask = render_mask(spec, azimuth, size)
        assert not mask[[0, -1]].any()
        assert changed[mask].mean() > 0.95  # a place may have the object's very colour
        assert (changed & mask).sum() / (changed | mask).sum() > 0.8  # any cover is a change
