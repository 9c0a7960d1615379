"""What a picture looks like: features of many scales, through which gradients pass to its pixels.

Errors of pixels are least where a picture is smooth, and so what is trained on them alone blurs;
errors in a network's features are least where it looks alike (Zhang et al. 2018, arXiv 1801.03924).
The network here is none of the backbones, so that these judge what was trained by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mirage.features.effnet_lite import effnet_lite

_NETWORK = "tf_efficientnet_lite0"
_STAGES = 4  # of its seven, and the stem: down to a sixteenth of the side


class PerceptualFeatures:
    """Pictures [B, 3, H, W] in [-1, 1] → feature maps [B, C, h, w], finest first, of unit length.

    No module, so that what holds it neither trains it nor saves it.

    Raises:
        MirageError: the package with its weights is not installed.
    """

    def __init__(self) -> None:
        network: Any = effnet_lite(_NETWORK)
        network.requires_grad_(False).to(memory_format=torch.channels_last)
        self._network = network

    def __call__(self, pictures: Tensor) -> Sequence[Tensor]:
        network = self._network.to(pictures.device)
        x = network.bn1(network.conv_stem(pictures))  # what is left of the norm is its activation
        maps = [x]
        for stage in network.blocks[:_STAGES]:
            maps.append(stage(maps[-1]))
        return [F.normalize(each.float(), dim=1) for each in maps]

    def __deepcopy__(self, memo: dict[int, Any]) -> PerceptualFeatures:
        return self  # nothing in it is ever changed
