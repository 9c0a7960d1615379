"""The denoiser D(x; σ, pose): the network and the pose embedding inside EDM scaling."""

from __future__ import annotations

import torch
from diffusers import UNet2DModel
from torch import Tensor, nn

from mirage.config import ModelConfig
from mirage.contracts import PoseCondition, check_shape
from mirage.model.conditioning import PoseEmbedding
from mirage.model.scaling import edm_scaling
from mirage.model.unet import build_unet, embedding_dim

# c_noise lies in about [-1, 1]; diffusers' sinusoidal time features expect steps in [0, 1000].
_NOISE_TO_TIME = 250.0


class PoseDenoiser(nn.Module):
    """Predicts the clean image from a noisy one, given its noise level and pose.

    Args:
        unet: maps [B, C, H, W], a time and a class vector to [B, C, H, W].
        embedding: maps a PoseCondition to that class vector.
        sigma_data: standard deviation of the clean images, which lie in [-1, 1].
    """

    def __init__(self, unet: UNet2DModel, embedding: PoseEmbedding, sigma_data: float) -> None:
        super().__init__()
        self.unet, self.embedding, self.sigma_data = unet, embedding, sigma_data

    @classmethod
    def build(cls, config: ModelConfig, resolution: int, num_poses: int) -> PoseDenoiser:
        """A denoiser with fresh weights, drawn from torch's global generator."""
        unet = build_unet(config, resolution)
        embedding = PoseEmbedding(num_poses, config.azimuth_frequencies, embedding_dim(config))
        return cls(unet, embedding, config.sigma_data)

    @property
    def num_poses(self) -> int:
        return int(self.embedding.num_poses)

    @property
    def resolution(self) -> int:
        return int(self.unet.config.sample_size)

    def forward(self, x: Tensor, sigma: Tensor, condition: PoseCondition) -> Tensor:
        """[B, C, H, W] noisy images at noise levels [B] → [B, C, H, W] clean images, fp32."""
        check_shape("x", x, (len(sigma), None, None, None))
        check_shape("condition.pose", condition.pose, (len(sigma),))
        scaling = edm_scaling(sigma.float(), self.sigma_data)
        skip, out, scale = (
            c[:, None, None, None] for c in (scaling.skip, scaling.out, scaling.input)
        )
        time = scaling.noise * _NOISE_TO_TIME
        scaled = (scale * x).to(self.unet.dtype)  # the scaling itself stays in fp32
        network = self.unet(scaled, time, class_labels=self.embedding(condition)).sample
        denoised: Tensor = skip * x + out * network.float()
        return denoised


def images_to_model(images: Tensor) -> Tensor:
    """[B, H, W, 3] uint8 → [B, 3, H, W] float in [-1, 1]."""
    return images.permute(0, 3, 1, 2).float().div(127.5).sub(1)


def model_to_images(x: Tensor) -> Tensor:
    """[B, 3, H, W] float in [-1, 1] → [B, H, W, 3] uint8, rounded and clipped."""
    return ((x.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1)
