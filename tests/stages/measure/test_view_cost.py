"""What turning costs is counted from outside the sampler, whatever it does inside."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from mirage.config import ViewsConfig
from mirage.contracts import Orbit, PosedPhoto, PoseRing
from mirage.model.denoiser import PoseDenoiser
from mirage.sampler.orbit import sample_orbit
from mirage.stages.measure.view_cost import measure_cost

STEPS, VIEWS = 4, 5
EVERYWHERE = [0.0, 100.0]


@pytest.mark.parametrize(("values", "expected"), [
    ({"mode": "none"}, STEPS * VIEWS * 2),
    ({"mode": "soft"}, STEPS * (1 + VIEWS * 2)),
    ({"mode": "soft", "pose_guidance": 0.0}, STEPS * (1 + VIEWS)),
    ({"mode": "hard"}, STEPS * (1 + VIEWS * 3)),
    ({"mode": "hard", "chunk": 2}, STEPS * (1 + VIEWS * 3)),
    ({"mode": "soft", "solver": "heun"}, STEPS + (2 * STEPS - 1) * VIEWS * 2),
])  # fmt: skip
def test_forwards_are_what_the_method_says(
    make_denoiser: Callable[..., PoseDenoiser],
    ring: PoseRing,
    photo: np.ndarray,
    values: dict[str, object],
    expected: int,
) -> None:
    """T (1 + V b): docs/method.md, section 9."""
    config = ViewsConfig(
        steps=STEPS, pose_interval=EVERYWHERE, hard_interval=EVERYWHERE,
        **({"solver": "euler", "reference_path": "fixed_noise"} | values),  # type: ignore[arg-type]
    )  # fmt: skip
    denoiser, azimuths = make_denoiser(), np.arange(VIEWS) * 72.0

    def work() -> Orbit:
        return sample_orbit(denoiser, ring, [PosedPhoto(photo, 1, 90.0)], azimuths, config)

    orbit, cost = measure_cost(denoiser, work)
    assert len(orbit.frames) == VIEWS and cost.forwards == expected
    assert not denoiser._forward_pre_hooks  # nothing stays behind


def test_seconds_and_memory_are_of_the_work_alone() -> None:
    network = torch.nn.Linear(2, 2)

    def work() -> float:
        time.sleep(0.05)
        return float(np.ones(2**24).sum())  # 128 MiB

    _, idle = measure_cost(network, lambda: None)
    start = time.perf_counter()
    total, busy = measure_cost(network, work)
    around = time.perf_counter() - start
    assert total == 2**24 and busy.forwards == 0
    assert 0.05 <= busy.seconds <= around
    assert busy.peak_mib > idle.peak_mib + 100
    if Path("/proc/self/clear_refs").exists():
        _, after = measure_cost(network, lambda: None)
        assert after.peak_mib < busy.peak_mib - 100


def test_a_failure_leaves_the_network_as_it_was() -> None:
    network = torch.nn.Linear(2, 2)
    with pytest.raises(ZeroDivisionError):
        measure_cost(network, lambda: 1 / 0)
    assert not network._forward_pre_hooks
