"""What the denoiser is told: continuous round the circle, and nothing when the pose is null."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mirage.core.contracts import PoseCondition
from mirage.model.conditioning import PoseEmbedding, azimuth_features


def condition(pose: list[int], azimuth: list[float]) -> PoseCondition:
    return PoseCondition(torch.tensor(pose), torch.tensor(azimuth))


def test_azimuth_features_are_the_fourier_series_and_close_the_circle() -> None:
    azimuth = torch.tensor([0.0, 10.0, 123.4, 350.0])
    features = azimuth_features(azimuth, 3)
    radians = np.deg2rad(azimuth.numpy())
    expected = [np.cos(n * radians) for n in (1, 2, 3)] + [np.sin(n * radians) for n in (1, 2, 3)]
    assert features.numpy() == pytest.approx(np.stack(expected, 1), abs=1e-5)
    assert torch.allclose(features, azimuth_features(azimuth + 360, 3), atol=1e-4)
    assert torch.allclose(features, azimuth_features(azimuth - 720, 3), atol=1e-4)


def test_azimuth_features_tell_all_angles_apart() -> None:
    features = azimuth_features(torch.arange(0.0, 360.0, 5.0), 4)
    gaps = torch.cdist(features, features) + 10 * torch.eye(len(features))
    assert gaps.min() > 0.1


def test_the_null_pose_ignores_the_azimuth_and_a_real_one_does_not() -> None:
    torch.manual_seed(0)
    embedding = PoseEmbedding(4, 2, 32)
    null = embedding(condition([-1, -1], [0.0, 77.0]))
    assert torch.equal(null[0], null[1])
    assert torch.equal(null[0], embedding.pose.weight[-1])
    real = embedding(condition([2, 2, 2, 3], [0.0, 77.0, 360.0, 0.0]))
    assert not torch.allclose(real[0], real[1], atol=1e-3)
    assert torch.allclose(real[0], real[2], atol=1e-5)
    assert not torch.allclose(real[0], real[3], atol=1e-3)


def test_it_reads_nothing_back_from_the_device() -> None:
    """On the meta device there is nothing to read: whoever tries to, fails."""
    embedding = PoseEmbedding(4, 2, 32).to("meta")
    poses = condition([0, -1], [0.0, 90.0]).map(lambda x: x.to("meta"))
    assert embedding(poses).shape == (2, 32)
