"""The visual hull: what all silhouettes allow (Laurentini, PAMI 1994)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mirage.shape.cameras import OrbitCameras

_DISSENT = 0.1  # share of the views, by weight, that may not see a point as the object


def visual_hull(cameras: OrbitCameras, masks: Tensor, points: Tensor, weight: Tensor) -> Tensor:
    """How surely points are in the hull.

    Args:
        masks: [V, H, W] in [0, 1]. points: [N, 3]. weight: [V], of each view's vote.

    Returns:
        [N] in [0, 1]: what the mask says that all but the lowest tenth of the views agree on.
    """
    seen = look_up_masks(cameras, masks, points)
    order = seen.argsort(dim=0)
    gone = (weight / weight.sum())[order].cumsum(dim=0)
    first = (gone > _DISSENT).float().argmax(dim=0)
    return seen.gather(0, order.gather(0, first[None]))[0]


def look_up_masks(cameras: OrbitCameras, masks: Tensor, points: Tensor) -> Tensor:
    """[V, N] what each view's mask says of points; beyond the picture, what its border says."""
    places = cameras.project(points) * torch.tensor([1.0, -1.0])
    found = F.grid_sample(
        masks[:, None], places[:, None], padding_mode="border", align_corners=False
    )
    return found[:, 0, 0]
