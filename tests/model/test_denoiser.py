"""The denoiser: an identity without noise, moved by the pose, and exact about pixels."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from mirage.core.contracts import PoseCondition
from mirage.model.codec import PIXELS
from mirage.model.denoiser import PoseDenoiser

MakeDenoiser = Callable[..., PoseDenoiser]


def condition(pose: list[int], azimuth: list[float] | None = None) -> PoseCondition:
    return PoseCondition(torch.tensor(pose), torch.tensor(azimuth or [0.0] * len(pose)))


@torch.no_grad()
def test_the_estimate_approaches_the_input_as_noise_vanishes(make_denoiser: MakeDenoiser) -> None:
    denoiser, x = make_denoiser(), torch.randn(2, 3, 16, 16).clamp(-1, 1)
    gaps = [
        (denoiser(x, torch.full((2,), sigma), condition([0, 1])) - x).abs().max().item()
        for sigma in (1.0, 1e-2, 1e-4)
    ]
    assert gaps[0] > 10 * gaps[1] > 100 * gaps[2]
    assert gaps[2] < 1e-3


@torch.no_grad()
def test_the_pose_and_the_azimuth_move_the_estimate(make_denoiser: MakeDenoiser) -> None:
    denoiser, x = make_denoiser(), torch.randn(1, 3, 16, 16).expand(4, -1, -1, -1)
    out = denoiser(x, torch.ones(4), condition([0, 1, 0, -1], [0.0, 0.0, 90.0, 0.0]))
    for other in (1, 2, 3):
        assert not torch.allclose(out[0], out[other], atol=1e-4)


@torch.no_grad()
def test_images_of_a_batch_do_not_see_each_other(make_denoiser: MakeDenoiser) -> None:
    denoiser, x, sigma = make_denoiser(), torch.randn(3, 3, 16, 16), torch.tensor([0.1, 1.0, 5.0])
    together = denoiser(x, sigma, condition([0, 1, -1], [0.0, 50.0, 9.0]))
    alone = denoiser(x[1:2], sigma[1:2], condition([1], [50.0]))
    assert torch.allclose(together[1:2], alone, atol=1e-5)


@torch.no_grad()
def test_reduced_precision_weights_still_give_an_fp32_estimate(make_denoiser: MakeDenoiser) -> None:
    denoiser, x = make_denoiser(), torch.randn(1, 3, 16, 16)
    full = denoiser(x, torch.ones(1), condition([1]))
    half = denoiser.to(torch.bfloat16)(x, torch.ones(1), condition([1]))
    assert half.dtype == torch.float32
    assert torch.allclose(full, half, atol=0.1)


def test_shapes_that_do_not_fit_are_refused(make_denoiser: MakeDenoiser) -> None:
    denoiser = make_denoiser()
    with pytest.raises(ValueError, match="pose"):
        denoiser(torch.zeros(2, 3, 16, 16), torch.ones(2), condition([0]))
    with pytest.raises(ValueError, match="x has shape"):
        denoiser(torch.zeros(2, 3, 16, 16), torch.ones(1), condition([0]))


def test_pixels_survive_the_way_to_the_model_and_back() -> None:
    images = torch.arange(256, dtype=torch.uint8).repeat(3).reshape(1, 16, 16, 3)
    x = PIXELS.load(images)
    assert x.shape == (1, 3, 16, 16) and x.min() == -1 and x.max() == 1
    assert torch.equal(PIXELS.show(x), images)
    assert torch.equal(PIXELS.show(3 * torch.ones(1, 3, 2, 2)), torch.full((1, 2, 2, 3), 255))
