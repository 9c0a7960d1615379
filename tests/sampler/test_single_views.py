"""Turning many photos to one view each gives what turning each by itself gives."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from views_settings import views_config

from mirage.core.contracts import PoseCondition, PosedPhoto, PoseRing
from mirage.model.codec import PIXELS
from mirage.model.denoiser import PoseDenoiser
from mirage.sampler.orbit import sample_orbit
from mirage.sampler.single_views import sample_single_views
from mirage.sampler.targets import between_poses

CONFIG = views_config(steps=4, mode="soft", pose_guidance=1.5)


def test_each_view_is_that_of_an_orbit(
    make_denoiser: Callable[..., PoseDenoiser], ring: PoseRing
) -> None:
    denoiser = make_denoiser()
    photos = np.random.default_rng(1).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
    pose, azimuth = [0, 1, 3], [10.0, 95.0, 260.0]
    asked, target = [2, 2, 0], [180.0, 200.0, 5.0]
    own = PoseCondition(torch.tensor(pose), torch.tensor(azimuth))
    targets = between_poses(ring, np.array(target))
    views = PIXELS.show(sample_single_views(denoiser, photos, own, targets, CONFIG)).numpy()
    for i, view in enumerate(views):
        posed, goal = PosedPhoto(photos[i], pose[i], azimuth[i]), np.array([target[i]])
        orbit = sample_orbit(denoiser, ring, [posed], goal, CONFIG)
        assert orbit.pose[0] == asked[i]
        assert np.abs(orbit.frames[0].astype(int) - view).max() <= 1
    assert np.abs(views[0].astype(int) - views[1]).mean() > 3
