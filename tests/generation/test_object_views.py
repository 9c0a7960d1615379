"""Views of an orbit as an object, and the object as views."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from made_up_solids import field_of, van, views_of

from mirage.config import ShapeConfig
from mirage.core.contracts import Orbit
from mirage.core.errors import MirageError
from mirage.generation.object_views import draft_of_object, object_views, settings_of

SIDE = 32
BACKDROP = np.array([0.55, 0.6, 0.7])


@pytest.fixture(scope="module")
def seen() -> Any:
    """A van from all round, before one backdrop."""
    views = views_of(field_of(van()), 12, SIDE, 15.0)
    share = views.masks[..., None]
    frames = np.rint(views.frames * share + 255 * BACKDROP * (1 - share)).astype(np.uint8)
    orbit = Orbit(frames[0], frames, views.azimuth, np.arange(12), 0)
    patches = torch.from_numpy(views.masks.reshape(12, 8, 4, 8, 4).mean(axis=(2, 4)))
    turner: Any = SimpleNamespace(
        backbone=lambda frames: None,
        bank=SimpleNamespace(masks=lambda features: patches),
        read_poses=lambda frames: SimpleNamespace(azimuth=views.azimuth),
    )
    return views, orbit, turner


def test_views_have_the_masks_of_their_object_and_count_as_they_are_where_asked(seen: Any) -> None:
    views, orbit, turner = seen
    found = orbit.azimuth + np.where(np.arange(12) == 3, 60.0, 0.0)
    made = object_views(orbit, found, turner)
    both, either = np.minimum(made.masks, views.masks), np.maximum(made.masks, views.masks)
    assert both.sum() / either.sum() > 0.85
    assert made.weight[3] < 0.05 and np.delete(made.weight, 3).min() == 1.0


def test_a_draft_shows_the_object_where_the_views_do_before_their_backdrop(seen: Any) -> None:
    views, orbit, turner = seen
    draft = draft_of_object(orbit, turner, ShapeConfig(voxels=12_000, steps=40, rays=512))
    assert draft.shape == orbit.frames.shape and draft.dtype == np.uint8
    difference = np.abs(draft.astype(float) - orbit.frames).mean(axis=-1)
    assert difference[views.masks == 0.0].mean() < 6
    elsewhere = np.abs(np.roll(draft, 3, axis=0).astype(float) - orbit.frames).mean(axis=-1)
    assert difference.mean() < 0.6 * elsewhere.mean()


def test_an_arc_makes_no_draft(seen: Any) -> None:
    _, orbit, turner = seen
    arc = Orbit(orbit.reference, orbit.frames, np.arange(12) * 9.0, orbit.pose, 0)
    with pytest.raises(MirageError, match=r"from all round|of the circle"):
        draft_of_object(arc, turner, ShapeConfig())


def test_grids_get_finer_up_to_the_one_asked_for() -> None:
    settings = settings_of(ShapeConfig(voxels=90_000, steps=7))
    assert settings.voxels == (10_000, 30_000, 90_000) and settings.steps == 7
