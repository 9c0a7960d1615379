"""The Karras schedule: its ends, its spacing, and the zero it stops at."""

from __future__ import annotations

import numpy as np
import pytest

from mirage.sampler.schedule import karras_sigmas


def test_the_schedule_starts_at_the_top_and_ends_at_nothing() -> None:
    sigmas = karras_sigmas(20, 0.02, 20.0, 7.0)
    assert len(sigmas) == 21
    assert (sigmas[0], sigmas[-2], sigmas[-1]) == (20.0, 0.02, 0.0)  # where intervals end
    assert (np.diff(sigmas) < 0).all()
    assert all(type(sigma) is float for sigma in sigmas)  # no step waits for a device to tell


@pytest.mark.parametrize("rho", [1.0, 3.0, 7.0])
def test_levels_are_even_in_the_rho_th_root(rho: float) -> None:
    roots = np.array(karras_sigmas(9, 0.1, 10.0, rho)[:-1]) ** (1 / rho)
    assert np.diff(roots) == pytest.approx(np.full(8, roots[1] - roots[0]), rel=1e-6)


def test_one_step_goes_straight_down() -> None:
    assert karras_sigmas(1, 0.02, 20.0, 7.0) == [20.0, 0.0]
