"""The denoiser D(x; σ, pose): the network and the pose embedding inside EDM scaling."""

from __future__ import annotations

from diffusers import UNet2DModel
from torch import Tensor, nn

from mirage.config import ModelConfig
from mirage.core.contracts import PoseCondition, check_shape
from mirage.model.codec import PIXELS, Codec
from mirage.model.conditioning import PoseEmbedding
from mirage.model.scaling import edm_scaling
from mirage.model.unet import NETWORKS, embedding_dim

# c_noise lies in about [-1, 1]; diffusers' sinusoidal time features expect steps in [0, 1000].
_NOISE_TO_TIME = 250.0


class PoseDenoiser(nn.Module):
    """Predicts the clean image from a noisy one, given its noise level and pose.

    Args:
        unet: maps [B, C, H, W], a time and a class vector to [B, C, H, W].
        embedding: maps a PoseCondition to that class vector.
        sigma_data: standard deviation of the clean images, which lie in [-1, 1].
        codec: what x is of the pictures that it stands for.
    """

    def __init__(
        self, unet: UNet2DModel, embedding: PoseEmbedding, sigma_data: float, codec: Codec = PIXELS
    ) -> None:
        super().__init__()
        self.unet, self.embedding, self.sigma_data = unet, embedding, sigma_data
        self.codec = codec

    @classmethod
    def build(
        cls, config: ModelConfig, resolution: int, num_poses: int, codec: Codec = PIXELS
    ) -> PoseDenoiser:
        """A denoiser with fresh weights, drawn from torch's global generator."""
        unet = NETWORKS[config.network](config, codec.grid(resolution), codec.channels)
        embedding = PoseEmbedding(num_poses, config.azimuth_frequencies, embedding_dim(config))
        return cls(unet, embedding, config.sigma_data, codec)

    @property
    def num_poses(self) -> int:
        return int(self.embedding.num_poses)

    @property
    def resolution(self) -> int:
        """Of the pictures, pixels a side."""
        return self.shape[2] * self.codec.factor

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, h, w) of what the network sees of a picture."""
        size = self.unet.config.sample_size
        height, width = (size, size) if isinstance(size, int) else size
        return self.codec.channels, int(height), int(width)

    def encode(self, images: Tensor) -> Tensor:
        """[B, H, W, 3] uint8 → [B, C, h, w] as the network sees them."""
        return self.codec.load(self.codec.keep(images))

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
