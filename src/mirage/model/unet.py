"""The network inside the denoiser: a diffusers UNet2DModel sized by the configuration."""

from __future__ import annotations

from diffusers import UNet2DModel

from mirage.config import ModelConfig
from mirage.config.values.choices import registered


def build_unet(
    config: ModelConfig, size: int | tuple[int, int], num_channels: int = 3
) -> UNet2DModel:
    """A UNet with self-attention at `config.attention_levels` and in the middle.

    Its class embedding is the identity: the caller passes a vector of `embedding_dim(config)`.

    Args:
        size: side, or height and width, of what it sees.
    """
    levels = range(len(config.channels))
    has_attention = [level in config.attention_levels for level in levels]
    return UNet2DModel(
        sample_size=size,
        in_channels=num_channels,
        out_channels=num_channels,
        layers_per_block=config.layers_per_block,
        block_out_channels=tuple(config.channels),
        down_block_types=tuple("AttnDownBlock2D" if a else "DownBlock2D" for a in has_attention),
        up_block_types=tuple("AttnUpBlock2D" if a else "UpBlock2D" for a in has_attention[::-1]),
        attention_head_dim=config.head_dim,
        dropout=config.dropout,
        norm_num_groups=config.norm_groups,
        # Scale and shift after the norm: a sum before it is partly normalised away again.
        resnet_time_scale_shift="scale_shift",
        class_embed_type="identity",
    )


# By model.network: what builds it of the configuration, the size and the channels that it sees.
NETWORKS = registered("model.network", {"unet": build_unet})


def embedding_dim(config: ModelConfig) -> int:
    """Width of the time and pose embeddings; diffusers fixes it to four times the first level."""
    return 4 * config.channels[0]
