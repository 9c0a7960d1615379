"""Of several samples each view keeps the one that is best, and says how good all were."""

from __future__ import annotations

import numpy as np
from views_settings import views_config

from mirage.core.contracts import Orbit, PoseLabels
from mirage.generation.best_of import best_of, sample_settings

ASKED = np.array([0.0, 90.0, 180.0])
PHOTO = np.full((4, 4, 3), 100, np.uint8)


def sample(colour: list[int]) -> Orbit:
    """Three views that are off by `colour` levels of grey."""
    grey = 100 + np.array(colour)
    frames = np.broadcast_to(grey[:, None, None, None], (3, 4, 4, 3)).astype(np.uint8)
    return Orbit(PHOTO, frames, ASKED, np.arange(3), 0, num_forwards=10)


def read(offset: list[float]) -> PoseLabels:
    """What is read of views that are off by `offset` degrees."""
    one = np.ones(3)
    azimuth = (ASKED + np.array(offset)) % 360
    return PoseLabels(np.arange(3), one, azimuth, np.arange(3)[:, None], one[:, None], one > 1)


def test_each_view_keeps_the_sample_of_the_best_pose_and_colours() -> None:
    samples = [sample(colour) for colour in ([0, 0, 20], [0, 0, 0], [0, 9, 40])]
    orbit, scores = best_of(samples, [read(o) for o in ([0, 40, 10], [5, 350, 10], [90, 5, 0])])
    assert scores.total.argmax(axis=0).tolist() == [0, 1, 1]
    assert orbit.frames[:, 0, 0, 0].tolist() == [100, 100, 100]
    assert scores.azimuth_error.tolist() == [[0, 40, 10], [5, 10, 10], [90, 5, 0]]
    one = scores.colour_distance[0, 2]
    assert one > 0 and np.allclose(
        scores.colour_distance, [[0, 0, one], [0] * 3, [0, 0.45 * one, 2 * one]]
    )
    assert orbit.num_forwards == 30


def test_further_samples_differ_in_seed_and_leave_room_for_chance() -> None:
    settings = sample_settings(views_config(seed=7, best_of=3))
    assert [config.seed for config in settings] == [7, 8, 9]
    assert settings[0].start == 1.0 and all(config.start < 1 for config in settings[1:])
