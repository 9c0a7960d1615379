"""Views of an orbit as an object, and the object as views."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from synthetic.solids import field_of, van, views_of

from mirage.config import ShapeConfig
from mirage.core.contracts import Orbit
from mirage.generation.object_views import object_views, settings_of

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
    generator: Any = SimpleNamespace(
        backbone=lambda frames: None,
        bank=SimpleNamespace(masks=lambda features: patches),
        read_poses=lambda frames: SimpleNamespace(azimuth=views.azimuth),
    )
    return views, orbit, generator


def test_views_have_the_masks_of_their_object_and_count_as_they_are_where_asked(seen: Any) -> None:
    views, orbit, generator = seen
    found = orbit.azimuth + np.where(np.arange(12) == 3, 60.0, 0.0)
    made = object_views(orbit, found, generator)
    both, either = np.minimum(made.masks, views.masks), np.maximum(made.masks, views.masks)
    assert both.sum() / either.sum() > 0.85
    assert made.weight[3] < 0.05 and np.delete(made.weight, 3).min() == 1.0


def test_grids_get_finer_up_to_the_one_asked_for() -> None:
    settings = settings_of(ShapeConfig(voxels=90_000, steps=7))
    assert settings.voxels == (10_000, 30_000, 90_000) and settings.steps == 7
