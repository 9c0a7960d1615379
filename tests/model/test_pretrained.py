"""Trained weights move over, and pose rows go to the poses that they stand for."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from mirage.config import ModelConfig
from mirage.core.errors import MirageError
from mirage.model.denoiser import PoseDenoiser
from mirage.model.pretrained import start_from

MakeDenoiser = Callable[..., PoseDenoiser]


def test_rows_follow_the_mapping_and_the_null_row_stays_last(make_denoiser: MakeDenoiser) -> None:
    trained, fresh = make_denoiser(4, seed=1), make_denoiser(6, seed=2)
    start_from(fresh, trained, [3, 3, 0, 1, 2, 0])
    rows, old = fresh.embedding.pose.weight, trained.embedding.pose.weight
    assert torch.equal(rows, old[[3, 3, 0, 1, 2, 0, 4]])
    for name, value in trained.unet.state_dict().items():
        assert torch.equal(fresh.unet.state_dict()[name], value)
    for name, value in trained.embedding.azimuth.state_dict().items():
        assert torch.equal(fresh.embedding.azimuth.state_dict()[name], value)


def test_without_a_mapping_the_rows_start_afresh(make_denoiser: MakeDenoiser) -> None:
    trained, fresh = make_denoiser(4, seed=1), make_denoiser(4, seed=2)
    before = fresh.embedding.pose.weight.detach().clone()
    start_from(fresh, trained, None)
    assert torch.equal(fresh.embedding.pose.weight[:-1], before[:-1])
    assert torch.equal(fresh.embedding.pose.weight[-1], trained.embedding.pose.weight[-1])
    assert torch.equal(fresh.unet.conv_in.weight, trained.unet.conv_in.weight)


def test_the_copy_does_not_share_memory(make_denoiser: MakeDenoiser) -> None:
    trained, fresh = make_denoiser(seed=1), make_denoiser(seed=2)
    start_from(fresh, trained, [0, 1, 2, 3])
    with torch.no_grad():
        fresh.unet.conv_in.weight.zero_()
        fresh.embedding.pose.weight.zero_()
    assert trained.unet.conv_in.weight.abs().sum() > 0
    assert trained.embedding.pose.weight.abs().sum() > 0


def test_networks_of_other_shapes_are_refused_in_words(make_denoiser: MakeDenoiser) -> None:
    wide = ModelConfig(channels=[64, 64], attention_levels=[1], layers_per_block=1)
    with pytest.raises(MirageError, match="shape") as caught:
        start_from(make_denoiser(), make_denoiser(config=wide), None)
    assert "pretrained" in caught.value.where and "pretrained=null" in caught.value.todo


@pytest.mark.parametrize(
    ("mapping", "says"),
    [
        ([0, 1, 2], "3 poses, the model has 6"),
        ([0] * 7, "7 poses"),
        ([4, 0, 0, 0, 0, 0], "0 to 3"),
        ([-1, 0, 0, 0, 0, 0], "0 to 3"),
    ],
)
def test_a_mapping_that_does_not_fit_is_refused_and_nothing_copied(
    make_denoiser: MakeDenoiser, mapping: list[int], says: str
) -> None:
    trained, fresh = make_denoiser(4, seed=1), make_denoiser(6, seed=2)
    before = fresh.unet.conv_in.weight.detach().clone()
    with pytest.raises(MirageError, match=says):
        start_from(fresh, trained, mapping)
    assert torch.equal(fresh.unet.conv_in.weight, before)
