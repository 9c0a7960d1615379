"""What turning costs is counted from outside the sampler, whatever it does inside."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
from views_settings import views_config

from mirage.core.contracts import Orbit, PosedPhoto, PoseRing
from mirage.generation.cost import measure_cost
from mirage.model.denoiser import PoseDenoiser
from mirage.sampler.orbit import sample_orbit

STEPS, VIEWS = 4, 5
EVERYWHERE = [0.0, 100.0]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"mode": "none"}, STEPS * VIEWS * 2),
        ({"mode": "soft"}, STEPS * (1 + VIEWS * 2)),
        ({"mode": "soft", "pose_guidance": 0.0}, STEPS * (1 + VIEWS)),
        ({"mode": "hard"}, STEPS * (1 + VIEWS * 3)),
        ({"mode": "hard", "chunk": 2}, STEPS * (1 + VIEWS * 3)),
        ({"mode": "soft", "solver": "heun"}, STEPS + (2 * STEPS - 1) * VIEWS * 2),
    ],
)
def test_forwards_are_what_the_method_says(
    make_denoiser: Callable[..., PoseDenoiser],
    ring: PoseRing,
    photo: np.ndarray,
    values: dict[str, object],
    expected: int,
) -> None:
    """T (1 + V b): docs/method/sampler.md."""
    config = views_config(
        steps=STEPS,
        pose_interval=EVERYWHERE,
        hard_interval=EVERYWHERE,
        **({"solver": "euler", "noise": "fixed"} | values),  # type: ignore[arg-type]
    )
    denoiser, azimuths = make_denoiser(), np.arange(VIEWS) * 72.0

    def work() -> Orbit:
        return sample_orbit(denoiser, ring, [PosedPhoto(photo, 1, 90.0)], azimuths, config)

    orbit, cost = measure_cost(denoiser, work)
    assert len(orbit.frames) == VIEWS and cost.forwards == expected
    assert not denoiser._forward_pre_hooks  # nothing stays behind


def test_seconds_are_of_the_work_alone() -> None:
    network = torch.nn.Linear(2, 2)
    start = time.perf_counter()
    _, cost = measure_cost(network, lambda: time.sleep(0.05))
    around = time.perf_counter() - start
    assert 0.05 <= cost.seconds <= around and cost.forwards == 0


_IDLE_BUSY_IDLE = """
import sys
import numpy as np, torch
from mirage.generation.cost import measure_cost

network = torch.nn.Linear(2, 2)
for work in (int, lambda: np.ones(2**24).sum(), int):  # the second fills 128 MiB
    print(measure_cost(network, work)[1].peak_mib)
"""


def test_memory_is_of_the_work_alone() -> None:
    """In a process of its own: what earlier tests needed at most hides 128 MiB where no peak can be
    reset, which containers may forbid."""
    printed = subprocess.check_output([sys.executable, "-c", _IDLE_BUSY_IDLE], text=True)
    before, busy, after = map(float, printed.split())
    assert busy > before + 100
    assert after < busy - 100 or after == busy  # reset, or told as the peak so far


def test_a_failure_leaves_the_network_as_it_was() -> None:
    network = torch.nn.Linear(2, 2)
    with pytest.raises(ZeroDivisionError):
        measure_cost(network, lambda: 1 / 0)
    assert not network._forward_pre_hooks
