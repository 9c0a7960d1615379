"""Orbits on a GPU: what a solver step costs, in every mode, with each guidance and solver."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from views_settings import views_config
from virtual_gpu import Tally, VirtualGPU, to_numpy

from mirage.config import MODES, ModelConfig
from mirage.core.contracts import Orbit, PoseCondition, PosedPhoto, PoseRing
from mirage.model.conditioning import PoseEmbedding
from mirage.model.denoiser import PoseDenoiser
from mirage.sampler.orbit import sample_orbit
from mirage.sampler.single_views import sample_single_views

pytestmark = pytest.mark.virtual_gpu
MakeDenoiser = Callable[..., PoseDenoiser]

MODEL = ModelConfig(
    channels=[16, 16], attention_levels=[1], layers_per_block=1, norm_groups=4, head_dim=16
)
AZIMUTHS = np.array([0.0, 60.0, 200.0])

WAYS: dict[str, dict[str, Any]] = {
    **{mode: {"mode": mode} for mode in MODES},
    "fixed noise": {"noise": "fixed"},
    "euler": {"solver": "euler"},
    "heun": {"solver": "heun"},
    "joined": {"attention": "concat"},
    "hard at every level": {"mode": "hard", "hard_interval": [0.0, 20.0]},
    "in chunks": {"chunk": 2},
}
# Those of every change: each has a cost that the others have not.
IN_THE_LOOP = ("soft", "hard at every level", "heun", "in chunks")
CASES = [pytest.param(way, marks=[pytest.mark.e2e] * (way not in IN_THE_LOOP)) for way in WAYS]
# Operations of this network for one picture, 186 counted where two pass at once; 258, were its
# weights cast to bf16 at every call.
A_PICTURE = 200
FEW, MANY = 2, 3  # solver steps


@pytest.fixture
def sample(
    make_denoiser: MakeDenoiser, ring: PoseRing, photo: np.ndarray
) -> Callable[..., tuple[Orbit, Tally]]:
    def run(gpu: VirtualGPU, device: str = "cuda", **settings: Any) -> tuple[Orbit, Tally]:
        denoiser = make_denoiser(config=MODEL).to(device)
        shown = PosedPhoto(photo, 1, 90.0)
        config = views_config(**settings)
        with gpu.count() as tally:
            orbit = sample_orbit(denoiser, ring, [shown], AZIMUTHS, config)
        return orbit, tally

    return run


def check_solver_steps(few: Tally, many: Tally) -> None:
    """Fails where more steps make Python wait more often."""
    assert many.num_operations > few.num_operations
    assert many.num_syncs == few.num_syncs <= 1, f"{many}"
    assert many.num_uploads == few.num_uploads <= 24, f"{many}"


@pytest.mark.parametrize("way", CASES)
def test_a_solver_step_waits_for_nothing(
    gpu: VirtualGPU, sample: Callable[..., tuple[Orbit, Tally]], way: str
) -> None:
    orbit, few = sample(gpu, steps=FEW, **WAYS[way])
    longer, many = sample(gpu, steps=MANY, **WAYS[way])
    check_solver_steps(few, many)
    pictures = longer.num_forwards - orbit.num_forwards
    assert many.num_operations - few.num_operations <= A_PICTURE * pictures, f"{many}"


def waiting_embedding(self: PoseEmbedding, condition: PoseCondition) -> Tensor:
    assert int(condition.pose.max()) < self.num_poses
    return torch.zeros(len(condition.pose), self.pose.weight.shape[1], device=condition.pose.device)


def test_a_step_that_waits_is_found(
    gpu: VirtualGPU, sample: Callable[..., tuple[Orbit, Tally]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PoseEmbedding, "forward", waiting_embedding)
    (_, few), (_, many) = (sample(gpu, steps=steps) for steps in (FEW, MANY))
    with pytest.raises(AssertionError, match=r"test_sampling\.py"):
        check_solver_steps(few, many)


@pytest.mark.parametrize("mode", MODES)
def test_views_are_those_of_the_cpu(
    gpu: VirtualGPU, sample: Callable[..., tuple[Orbit, Tally]], mode: str
) -> None:
    frames, own = (
        sample(gpu, device, steps=3, mode=mode)[0].frames.astype(int) for device in ("cuda", "cpu")
    )
    assert np.abs(frames - own).mean() < 2.0 < np.abs(frames[0] - frames[1]).mean()


def test_photos_turned_each_by_itself(gpu: VirtualGPU, make_denoiser: MakeDenoiser) -> None:
    """As refinement turns them: one photo to each view, nothing read back."""
    denoiser = make_denoiser(config=MODEL).to("cuda")
    photos = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
    own, asked = (
        PoseCondition(torch.tensor(pose), torch.tensor(pose) * 90.0)
        for pose in ([0, 1, 2], [1, 3, 0])
    )
    with gpu.count() as tally:
        views = sample_single_views(denoiser, photos, own, asked, views_config(steps=3))
    assert views.is_cuda and np.isfinite(to_numpy(views)).all()
    assert tally.num_syncs == 0 and tally.num_uploads <= 6, f"{tally}"
