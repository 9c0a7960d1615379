"""Autoencoders of a few thousand random weights: four pixels to a latent."""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL, AutoencoderTiny


def tiny_kl() -> AutoencoderKL:
    """With a distribution of latents, as the autoencoders of latent diffusion have."""
    torch.manual_seed(0)
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(8, 8, 8),
        norm_num_groups=4,
        latent_channels=4,
        sample_size=32,
    ).eval()


def tiny_deterministic() -> AutoencoderTiny:
    """Without one."""
    torch.manual_seed(0)
    return AutoencoderTiny(
        encoder_block_out_channels=(8, 8, 8),
        decoder_block_out_channels=(8, 8, 8),
        num_encoder_blocks=(1, 1, 1),
        num_decoder_blocks=(1, 1, 1),
    ).eval()
