"""What the denoiser is told of a view: a learned vector per pose plus its azimuth on the ring.

The learned vector carries whatever a pose is besides its angle; the Fourier features make the
condition continuous in the azimuth, so that angles between poses can be asked for.
"""

from __future__ import annotations

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn

from mirage.core.contracts import PoseCondition


def azimuth_features(azimuth: Tensor, num_frequencies: int) -> Tensor:
    """[B] degrees → [B, 2·num_frequencies]: cos and sin of 1, 2, … times the angle.

    Whole multiples only, so that 360° is 0°.
    """
    angle = torch.deg2rad(azimuth)[:, None]
    multiples = torch.arange(1, num_frequencies + 1, device=azimuth.device, dtype=angle.dtype)
    return torch.cat([torch.cos(angle * multiples), torch.sin(angle * multiples)], dim=1)


class PoseEmbedding(ModelMixin, ConfigMixin):
    """PoseCondition of B views → [B, dim], added to the network's time embedding.

    Args:
        num_poses: K; one more row is kept for the null pose.
        num_frequencies: multiples of the azimuth in the Fourier features.
        dim: width of the network's time embedding.
    """

    @register_to_config
    def __init__(self, num_poses: int, num_frequencies: int, dim: int) -> None:
        super().__init__()
        self.num_poses, self.num_frequencies = num_poses, num_frequencies
        self.pose = nn.Embedding(num_poses + 1, dim)  # the last row is the null pose
        self.azimuth = nn.Sequential(
            nn.Linear(2 * num_frequencies, dim), nn.SiLU(), nn.Linear(dim, dim)
        )
        nn.init.normal_(self.pose.weight, std=0.02)

    def forward(self, condition: PoseCondition) -> Tensor:
        """Poses are −1, the null pose, or in [0, K), as whoever made them has checked.

        To look here would wait for the device, at every step of training and sampling.
        """
        pose = condition.pose
        vector = self.pose(torch.where(pose < 0, self.num_poses, pose))
        if condition.other is not None and condition.share is not None:
            share = condition.share[:, None].to(vector.dtype)
            vector = torch.lerp(vector, self.pose(condition.other), share)
        features = azimuth_features(condition.azimuth.float(), self.num_frequencies)
        angle = self.azimuth(features.to(self.pose.weight.dtype))
        return vector + angle * (pose >= 0)[:, None]  # the null pose has no azimuth
