"""Crops depend on the step alone, and on no process."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from datamodules.crops import CropBatches

PHOTOS = np.random.default_rng(0).integers(0, 256, (6, 24, 24, 3), dtype=np.uint8)
IDS = np.array([1, 3, 4])


def batches(size: int = 8, zoom: float = 1.5, count: int = 6, **place: int) -> CropBatches:
    return CropBatches(PHOTOS, IDS, size, zoom, count, seed=0, **place)


def test_a_step_is_the_same_again_and_no_other() -> None:
    assert torch.equal(batches()[3], batches()[3])
    assert not torch.equal(batches()[3], batches()[4])
    assert batches()[3].shape == (6, 8, 8, 3)
    assert batches()[3].dtype == torch.uint8


def test_processes_share_out_what_one_has() -> None:
    parts = [batches(count=3, rank=rank, world_size=2)[5] for rank in (0, 1)]
    assert torch.equal(torch.cat(parts), batches()[5])


def test_without_zoom_crops_of_the_whole_photo_are_photos_or_their_mirror_images() -> None:
    allowed = {PHOTOS[i][:, ::way].tobytes() for i in IDS for way in (1, -1)}
    drawn = {crop.numpy().tobytes() for s in range(6) for crop in batches(24, 1.0)[s]}
    assert drawn == allowed


@pytest.mark.parametrize("size", [24, 40])
def test_a_crop_is_never_larger_than_the_photo(size: int) -> None:
    assert batches(size, 2.0)[0].shape == (6, size, size, 3)
