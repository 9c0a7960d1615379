"""A ridge regression reads what is there, of photos that it has not seen."""

from __future__ import annotations

import numpy as np
from synthetic.circles import ODD, azimuths, whole

from mirage.poses.circle.held_out import HeldOutRidge


def test_a_ridge_reads_what_it_has_not_seen_and_only_what_is_there() -> None:
    true = azimuths(600)
    points, mirrored = whole(true)
    reader = HeldOutRidge(points, mirrored, 0)
    assert reader.score(true) > 0.95
    assert reader.score(np.random.default_rng(0).permutation(true)) < 0.1
    noise = np.random.default_rng(1).normal(size=points.shape)
    assert HeldOutRidge(noise, noise * ODD, 0).score(true) < 0.1
