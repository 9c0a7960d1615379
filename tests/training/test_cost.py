"""What is counted is what is computed and kept."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from mirage.config import ModelConfig
from mirage.model.unet import build_unet, embedding_dim
from mirage.training.cost import TrainingCost, count_cost, measure_speed

TINY = ModelConfig(channels=[32, 64], layers_per_block=1, attention_levels=[1])


def test_a_step_costs_what_is_counted() -> None:
    cost = count_cost(TINY, 16, 3)
    unet = build_unet(TINY, 16)
    with FlopCounterMode(display=False) as counter:
        image, pose = torch.zeros(2, 3, 16, 16), torch.zeros(2, embedding_dim(TINY))
        unet(image, torch.zeros(2), class_labels=pose).sample.sum().backward()
    # On the CPU attention is one fused kernel, which is counted otherwise.
    assert abs(counter.get_total_flops() / 2 / cost.flops - 1) < 0.1
    assert cost.num_weights == sum(weight.numel() for weight in unet.parameters())


def test_wider_and_larger_costs_more() -> None:
    small, wide, large = (
        count_cost(ModelConfig(channels=[c, 2 * c], attention_levels=[1]), side, 3)
        for c, side in ((32, 16), (64, 16), (32, 32))
    )
    assert wide.flops > 3 * small.flops and 3.5 < large.flops / small.flops < 4.5
    assert large.num_weights == small.num_weights < wide.num_weights
    assert large.activation_bytes > 3 * small.activation_bytes > 0


def test_memory_is_of_weights_and_of_what_is_kept() -> None:
    cost = TrainingCost(1e9, 100e6, 50_000_000)
    assert cost.memory_gb(10, bf16=False) == 2.0
    assert cost.memory_gb(10, bf16=True) == 1.75


def test_a_device_computes_something_and_draws_nothing() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    assert 1e8 < measure_speed(torch.device("cpu"), False) < 1e15
    assert torch.equal(torch.rand(1), expected)
