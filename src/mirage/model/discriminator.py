"""Tells decoded pictures from photos, so that what decodes learns to draw what photos have.

An error to the photo, of pixels or of features, is least for the mean of all that a latent may
stand for, and a mean is smooth. Whether a picture is a photo can be judged without the photo that
it should be (Goodfellow et al. 2014, arXiv 1406.2661), place by place (Isola et al. 2017, arXiv
1611.07004), and best in a pretrained network's features, which need not be learned first (Sauer et
al. 2021, arXiv 2111.01007).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

_WIDTH = 48


class _Reversed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: float) -> Tensor:
        ctx.weight = weight
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return -ctx.weight * gradient, None


def reverse_gradient(x: Tensor, weight: float) -> Tensor:
    """`x`, whose gradient comes back with the other sign and so many times as large.

    What is below learns to raise the loss that what is above learns to lower, by one optimizer in
    one pass (Ganin and Lempitsky 2015, arXiv 1409.7495).
    """
    reversed_: Tensor = _Reversed.apply(x, weight)
    return reversed_


class Discriminator(nn.Module):
    """A judgement for each place of each feature map: positive is a photo.

    Args:
        channels: of the maps.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(
                spectral_norm(nn.Conv2d(of_map, _WIDTH, 3, padding=1)),
                nn.LeakyReLU(0.2),
                spectral_norm(nn.Conv2d(_WIDTH, 1, 3, padding=1)),
            )
            for of_map in channels
        )

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Maps [B, C, h, w] of unit features → judgements [B, 1, h, w]."""
        # A unit vector of many channels has small ones; the first layer wants them about 1.
        return [
            head(features * features.shape[1] ** 0.5)
            for head, features in zip(self.heads, maps, strict=True)
        ]


def hinge_loss(
    discriminator: Discriminator, decoded: Sequence[Tensor], photos: Sequence[Tensor], weight: float
) -> Tensor:
    """How badly photos are told from decoded pictures, of which one learns and the other unlearns.

    max(0, 1 + D(decoded)) + max(0, 1 − D(photo)), mean over places and maps (Lim and Ye 2017, arXiv
    1705.02894): 2 where nothing is told apart.

    Args:
        decoded: feature maps; their gradients are reversed, `weight` times. photos: likewise.
    """
    judged = discriminator([reverse_gradient(features, weight) for features in decoded])
    errors = [
        F.relu(1 + of_decoded).mean() + F.relu(1 - of_photos).mean()
        for of_decoded, of_photos in zip(judged, discriminator(photos), strict=True)
    ]
    return torch.stack(errors).mean()
