"""Crops depend on the step alone, and on no process."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from mirage.datamodules.batches import Share
from mirage.datamodules.crops import CropBatches, CroppedPhotos, PhotoSet

PHOTOS = np.random.default_rng(0).integers(0, 256, (6, 24, 24, 3), dtype=np.uint8)
ONE = PhotoSet(PHOTOS, np.array([1, 3, 4]), np.array([0, 2]))


def batches(
    size: int = 8, zoom: float = 1.5, share: Share | None = None, sets: Sequence[PhotoSet] = (ONE,)
) -> CropBatches:
    return CropBatches(sets, size, zoom, share or Share(6), seed=0)


def test_a_step_is_the_same_again_and_no_other() -> None:
    assert torch.equal(batches()[3], batches()[3])
    assert not torch.equal(batches()[3], batches()[4])
    assert batches()[3].shape == (6, 8, 8, 3)
    assert batches()[3].dtype == torch.uint8


def test_processes_share_out_what_one_has() -> None:
    parts = [batches(share=Share(3, rank, 2))[5] for rank in (0, 1)]
    assert torch.equal(torch.cat(parts), batches()[5])


def test_without_zoom_crops_of_the_whole_photo_are_photos_or_their_mirror_images() -> None:
    allowed = {PHOTOS[i][:, ::way].tobytes() for i in ONE.train for way in (1, -1)}
    drawn = {crop.numpy().tobytes() for s in range(8) for crop in batches(24, 1.0)[s]}
    assert drawn == allowed


@pytest.mark.parametrize("size", [24, 40])
def test_a_crop_is_never_larger_than_the_photo(size: int) -> None:
    assert batches(size, 2.0)[0].shape == (6, size, size, 3)


def test_sets_are_drawn_from_by_their_shares() -> None:
    black, white = (np.full((2, 8, 8, 3), value, np.uint8) for value in (0, 255))
    ids = np.arange(2)
    sets = [PhotoSet(black, ids, ids, 0.25), PhotoSet(white, ids, ids, 0.75)]
    drawn = torch.cat([batches(share=Share(100), sets=sets)[s] for s in range(10)])
    assert (drawn == 255).float().mean().item() == pytest.approx(0.75, abs=0.04)


def test_validation_is_of_whole_photos_that_were_held_out() -> None:
    data = CroppedPhotos([ONE], 8, 1.5, 4, 3, 0)
    found: list[Tensor] = list(data.val_dataloader())
    assert {photo.numpy().tobytes() for photo in torch.cat(found)} == {
        PHOTOS[i].tobytes() for i in ONE.held_out
    }
    assert len(list(data.train_dataloader())) == 3
