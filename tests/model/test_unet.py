"""The network: attention where it was asked for, and widths that let the pose through."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from diffusers.models.attention_processor import Attention

from mirage.config import ModelConfig
from mirage.core.contracts import PoseCondition
from mirage.model.denoiser import PoseDenoiser
from mirage.model.unet import build_unet, embedding_dim

MakeDenoiser = Callable[..., PoseDenoiser]


@pytest.mark.parametrize(("levels", "down", "up"), [([0], {0}, {1}), ([1], {1}, {0})])
def test_attention_is_at_the_levels_asked_for_and_in_the_middle(
    levels: list[int], down: set[int], up: set[int]
) -> None:
    unet = build_unet(ModelConfig(channels=[32, 64], attention_levels=levels), 16)
    blocks = {
        ".".join(name.split(".")[:2]) if not name.startswith("mid") else "mid"
        for name, module in unet.named_modules()
        if isinstance(module, Attention)
    }
    expected = {f"down_blocks.{level}" for level in down} | {f"up_blocks.{level}" for level in up}
    assert blocks == expected | {"mid"}


def test_the_class_vector_is_as_wide_as_the_time_embedding() -> None:
    config = ModelConfig(channels=[64, 64], attention_levels=[1], layers_per_block=1)
    unet = build_unet(config, 16)
    assert unet.time_embedding.linear_2.out_features == embedding_dim(config) == 256


@torch.no_grad()
def test_the_default_widths_let_pose_and_noise_level_through(make_denoiser: MakeDenoiser) -> None:
    unet = make_denoiser(config=ModelConfig()).unet
    x, vectors = torch.randn(1, 3, 16, 16).expand(2, -1, -1, -1), torch.randn(2, 128)
    by_pose = unet(x, torch.zeros(2), class_labels=vectors).sample
    by_time = unet(x, torch.tensor([-250.0, 250.0]), class_labels=vectors[:1].expand(2, -1)).sample
    for output in (by_pose, by_time):
        assert (output[0] - output[1]).std() > 0.05 * output[0].std()


def test_a_null_condition_is_accepted_where_a_pose_is(make_denoiser: MakeDenoiser) -> None:
    condition = PoseCondition(torch.tensor([0, 1]), torch.zeros(2)).null()
    assert make_denoiser()(torch.zeros(2, 3, 16, 16), torch.ones(2), condition).isfinite().all()
