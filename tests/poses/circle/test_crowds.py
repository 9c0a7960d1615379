"""Photos that crowd about one side count less, each."""

from __future__ import annotations

import numpy as np
from synthetic.circles import azimuths, whole

from mirage.poses.circle.crowds import crowd_weights


def test_a_crowd_counts_about_as_much_as_its_stretch_of_the_circle() -> None:
    even = azimuths(400)
    crowd = np.concatenate([even, azimuths(400, 30.0, 60.0, seed=1)])
    weight = crowd_weights(*whole(crowd), 1.0)
    assert abs(weight.mean() - 1.0) < 1e-6
    inside = (crowd > 30.0) & (crowd < 60.0)
    plain, weighted = inside.mean(), weight[inside].sum() / len(crowd)
    assert plain > 0.5 and weighted < 0.25  # an even circle has 0.08 there


def test_where_none_crowd_every_side_counts_alike() -> None:
    even = azimuths(600)
    weight = crowd_weights(*whole(even), 1.0)
    quarters = [weight[even // 90.0 == quarter].mean() for quarter in range(4)]
    np.testing.assert_allclose(quarters, 1.0, atol=0.2)


def test_a_lonely_photo_does_not_count_for_a_whole_stretch() -> None:
    points, mirrored = whole(azimuths(300))
    points[0], mirrored[0] = 50.0, -50.0
    assert crowd_weights(points, mirrored, 1.0)[0] < 12.0
