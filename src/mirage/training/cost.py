"""What a training step costs, counted without doing it, and what a device does in a second."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from mirage.config import ModelConfig
from mirage.model.unet import NETWORKS, embedding_dim

_PROBE = ModelConfig(channels=[128, 256], layers_per_block=1, attention_levels=[1], norm_groups=32)
_PROBE_SIDE = 32
_PROBE_ROWS = {"cpu": 1, "cuda": 128}  # images a step
_PROBE_SECONDS = 0.5


@dataclass(frozen=True)
class TrainingCost:
    """Of one image in a training step.

    Attributes:
        flops: of the forward and the backward pass; a multiply and an add are two.
        activation_bytes: kept from the one for the other, in fp32.
        num_weights: of the network.
    """

    flops: float
    activation_bytes: float
    num_weights: int

    def memory_gb(self, images: float, bf16: bool) -> float:
        """Of a step of that many images: weights, gradients, AdamW's two moments and the average
        in fp32, and activations, of which autocast leaves about half (those of norms) in fp32."""
        activations = images * self.activation_bytes * (0.75 if bf16 else 1.0)
        return (20 * self.num_weights + activations) / 1e9


def count_cost(config: ModelConfig, side: int, num_channels: int) -> TrainingCost:
    """Count on the meta device, where nothing is computed.

    Args:
        side, num_channels: of what the network sees of a picture.
    """
    kept: dict[int, int] = {}  # storage → bytes: layers that keep the same tensor share it

    def keep(tensor: Tensor) -> Tensor:
        if not tensor.is_leaf:  # weights are no activations
            storage = tensor.untyped_storage()
            # The scores of attention, which a fused kernel does not keep.
            is_scores = "Softmax" in type(tensor.grad_fn).__name__
            kept.setdefault(storage._cdata, 0 if is_scores else storage.nbytes())
        return tensor

    with torch.device("meta"):
        unet = NETWORKS[config.network](config, side, num_channels)
        image, pose = (
            torch.empty(1, num_channels, side, side),
            torch.empty(1, embedding_dim(config)),
        )
        level = torch.empty(1)
    with (
        FlopCounterMode(display=False) as counter,
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
    ):
        unet(image, level, class_labels=pose).sample.sum().backward()
    weights = sum(weight.numel() for weight in unet.parameters())
    return TrainingCost(float(counter.get_total_flops()), float(sum(kept.values())), weights)


@cache
def measure_speed(device: torch.device, bf16: bool) -> float:
    """Floating point operations a second in forward and backward passes of a small network.

    Takes about a second.
    """
    with torch.random.fork_rng(devices=[]), torch.device(device):
        unet = NETWORKS[_PROBE.network](_PROBE, _PROBE_SIDE).to(memory_format=torch.channels_last)
        rows = _PROBE_ROWS[device.type]
        image = torch.zeros(rows, 3, _PROBE_SIDE, _PROBE_SIDE)
        level, pose = torch.zeros(rows), torch.zeros(rows, embedding_dim(_PROBE))
    flops = rows * count_cost(_PROBE, _PROBE_SIDE, 3).flops

    def step() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            loss = unet(image, level, class_labels=pose).sample.float().mean()
        loss.backward()
        unet.zero_grad()
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    step()  # allocates, and chooses kernels
    count, began = 0, time.perf_counter()
    while count < 2 or time.perf_counter() - began < _PROBE_SECONDS:
        step()
        count += 1
    return count * flops / (time.perf_counter() - began)
