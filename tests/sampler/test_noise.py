"""A view's noise depends on what the view is, not on what else is asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mirage.sampler.noise import image_key, mix_noise, nearest_noise, reference_noise, view_noise

SHAPE = (3, 16, 16)


def test_a_views_noise_does_not_depend_on_the_others() -> None:
    ring = view_noise(0, "a", [0.0, 90.0, 180.0], SHAPE)
    assert ring.shape == (3, *SHAPE)
    assert torch.equal(view_noise(0, "a", [180.0, 33.0, 0.0], SHAPE)[[2, 0]], ring[[0, 2]])


def test_azimuths_are_compared_round_the_circle() -> None:
    same = view_noise(0, "a", [0.0, 360.0, -360.0, 359.9999, 1e-5], SHAPE)
    assert all(torch.equal(same[0], other) for other in same[1:])
    assert torch.equal(view_noise(0, "a", [-90.0], SHAPE), view_noise(0, "a", [270.0], SHAPE))


def test_seed_photo_and_azimuth_each_give_another_stream() -> None:
    streams = [
        view_noise(0, "a", [0.0, 1.0], SHAPE),
        view_noise(1, "a", [0.0], SHAPE),
        view_noise(0, "b", [0.0], SHAPE),
        reference_noise(0, "a", SHAPE),
        reference_noise(1, "a", SHAPE),
    ]
    drawn = torch.cat(streams).flatten(1)
    correlation = torch.corrcoef(drawn) - torch.eye(len(drawn))
    assert correlation.abs().max() < 0.2
    assert abs(drawn.std().item() - 1) < 0.05


def test_an_image_is_known_by_its_pixels() -> None:
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    other = image.copy()
    other[3, 3, 1] ^= 1
    assert image_key(image) == image_key(image.copy()) != image_key(other)


def test_views_start_from_the_noise_of_the_photos_near_them() -> None:
    one, other = (reference_noise(0, name, (3, 16, 16)) for name in "ab")
    azimuths = np.array([0.0, 90.0, 180.0, 350.0])
    assert nearest_noise(one, np.array([0.0]), azimuths) is one
    same = nearest_noise(torch.cat([one, one]), np.array([0.0, 180.0]), azimuths)
    assert torch.allclose(same, one.expand(4, -1, -1, -1), atol=1e-5)
    both = nearest_noise(torch.cat([one, other]), np.array([0.0, 180.0]), azimuths)
    strength = (one.norm() + other.norm()) / 2
    assert torch.allclose(both.flatten(1).norm(dim=1), strength.expand(4))
    alike = torch.corrcoef(torch.cat([one, other, both]).flatten(1))[:2, 2:]
    assert alike[0, 0] > 0.99 and alike[1, 2] > 0.99
    assert alike[0, 1] == pytest.approx(alike[1, 1].item(), abs=0.05)  # between the two
    assert alike[0, 3] > 0.98


@pytest.mark.parametrize("share", [0.0, 0.6, 1.0])
def test_mixed_noise_is_normal_and_shares_so_much(share: float) -> None:
    own, reference = (
        view_noise(0, "a", [0.0, 90.0], (3, 64, 64)),
        reference_noise(0, "a", (3, 64, 64)),
    )
    mixed = mix_noise(own, reference, share)
    correlation = torch.corrcoef(torch.cat([mixed, reference]).flatten(1))
    assert mixed.std().item() == pytest.approx(1.0, abs=0.02)
    assert correlation[0, 2].item() == pytest.approx(share, abs=0.03)
    assert correlation[0, 1].item() == pytest.approx(share**2, abs=0.03)
