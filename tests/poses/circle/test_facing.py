"""The way an object faces is handed from the sides to front and rear."""

from __future__ import annotations

import numpy as np
import pytest

from mirage.core.contracts import FloatArray
from mirage.poses.circle.facing import facing_side, stillest_at_zero


def odd_part(azimuth: FloatArray, noise: float = 0.02) -> FloatArray:
    """What mirroring negates: the outline's lean, and a cue whose place changes with the azimuth.

    The cue is another coordinate every 20° of ψ, so that no single direction tells the facing.
    """
    a = np.deg2rad(azimuth)
    from_side = np.abs((2 * azimuth) % 360 - 180)
    cells = np.arange(0, 181, 20)
    cue = np.sin(a)[:, None] * np.exp(-(((from_side[:, None] - cells) / 20.0) ** 2))
    parts = np.concatenate([2 * np.sin(2 * a)[:, None], cue], axis=1)
    return parts + noise * np.random.default_rng(5).normal(size=parts.shape)


def test_facing_is_right_all_round_up_to_one_sign() -> None:
    azimuth = np.random.default_rng(0).uniform(0, 360, 1500)
    facing = facing_side((2 * azimuth) % 360, odd_part(azimuth))
    agree = np.mean(facing == np.where(azimuth < 180, 1.0, -1.0))
    assert max(agree, 1 - agree) > 0.97


@pytest.mark.parametrize("turned", [0.0, 180.0])
def test_sides_go_to_half_a_turn(turned: float) -> None:
    azimuth = np.random.default_rng(0).uniform(0, 360, 800)
    angle = stillest_at_zero((2 * azimuth + turned) % 360, odd_part(azimuth))
    assert np.allclose((angle - 2 * azimuth + 1) % 360, 1)
