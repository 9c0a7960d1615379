from itertools import permutations

import numpy as np
import pytest

from mirage.core.angles import circular_distance
from mirage.poses.ring import ring_from_distances, ring_from_plane, shortest_tour


def test_the_tour_is_as_short_as_the_best_of_all_tours() -> None:
    for seed in range(5):
        points = np.random.default_rng(seed).standard_normal((7, 2))
        gaps = np.linalg.norm(points[:, None] - points[None], axis=2)
        best = min(
            gaps[list(tour), np.roll(tour, -1)].sum()
            for tour in ((0, *rest) for rest in permutations(range(1, 7)))
        )
        tour = shortest_tour(gaps)
        assert sorted(tour) == list(range(7))
        assert gaps[tour, np.roll(tour, -1)].sum() == pytest.approx(best)


def test_a_circle_of_poses_gets_its_azimuths_back() -> None:
    true = np.random.default_rng(1).permutation(12) * 30.0
    points = np.stack([np.cos(np.deg2rad(true)), np.sin(np.deg2rad(true))], axis=1)
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2)
    ring = ring_from_distances(gaps)
    either = [
        circular_distance(sign * (ring.azimuth - ring.azimuth[0]), true - true[0]).max()
        for sign in (1, -1)
    ]
    assert min(either) < 0.1
    assert 0.45 <= ring.score <= 0.5


def test_poses_without_order_score_low() -> None:
    points = np.random.default_rng(2).standard_normal((12, 40))
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2)
    assert ring_from_distances(gaps).score < 0.3


def test_directions_in_the_plane_are_azimuths() -> None:
    ring = ring_from_plane(np.array([[2.0, 0.0], [0.0, 0.5], [-1.0, -1e-12]]), 0.9)
    np.testing.assert_allclose(ring.azimuth, [0.0, 90.0, 180.0], atol=1e-3)
    assert ring.score == 0.9
    assert (ring_from_plane(np.array([[1.0, -1e-9]] * 3), 1.0).azimuth < 360).all()
