"""Batches come to a GPU without a wait, from its own memory or from the machine's."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from virtual_gpu import Tally, to_numpy, virtual_gpu

from mirage.core.contracts import PoseLabels, PoseRing
from mirage.datamodules.labelled import LabelledImages
from mirage.datamodules.pairs import BackTranslated, PairedImages
from mirage.datamodules.posed import PosedImages
from mirage.datamodules.store import Store

pytestmark = pytest.mark.virtual_gpu
NUM, STEPS = 40, 40  # more steps than are drawn at once


def images(stored: bool) -> LabelledImages:
    random = np.random.default_rng(0)
    pose = np.arange(NUM) % 4
    one = np.ones(NUM)
    labels = PoseLabels(pose, one, pose * 90.0, pose[:, None], one[:, None], np.zeros(NUM, bool))
    pixels, other = random.integers(0, 256, (2, NUM, 4, 4, 3), dtype=np.uint8)
    flipped = replace(labels, pose=3 - pose, topk=3 - pose[:, None])
    return LabelledImages(pixels, labels, flipped, other if stored else None)


def data(ring: PoseRing, device: str, share: float, stored: bool, paired: bool) -> PosedImages:
    shown, ids = images(stored), np.arange(NUM)
    settings: Any = (shown, ring, ids[:32], ids[32:], 8, 0.5, STEPS, 3, True, share)
    made = (
        PairedImages(BackTranslated(shown, ids, np.arange(len(ids))), *settings)
        if paired
        else PosedImages(*settings)
    )
    made.trainer = SimpleNamespace(  # type: ignore[assignment]
        global_rank=0,
        world_size=1,
        global_step=0,
        strategy=SimpleNamespace(root_device=torch.device(device)),
    )
    return made


def flat(batch: Any) -> dict[str, Any]:
    parts = [batch, *batch.get("pair", {}).values()]
    return {
        f"{i} {name}": value
        for i, part in enumerate(parts)
        for name, value in part.items()
        if name != "pair"
    }


def check_loading(tally: Tally, operations: int) -> None:
    """Fails where a batch makes Python wait, or is copied from memory that is not pinned."""
    assert tally.num_syncs == tally.num_uploads == 0, f"{tally}"
    assert 0 < tally.num_operations <= operations, f"{tally}"


@pytest.mark.parametrize("stored", [False, True])  # whether mirror images are stored, too
@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.5])  # of the GPU's memory
def test_a_step_waits_for_nothing(ring: PoseRing, stored: bool, paired: bool, share: float) -> None:
    expected = list(data(ring, "cpu", share, stored, paired).train_dataloader())
    with virtual_gpu() as gpu:
        ours = data(ring, "cuda:0", share, stored, paired)
        assert ours.store.resident == (share > 0)
        loaded = iter(ours.train_dataloader())
        found = [next(loaded)]
        with gpu.count() as tally:
            found += loaded
        assert len(found) == STEPS
        for batch, wanted in zip(map(flat, found), map(flat, expected), strict=True):
            assert {value.device for value in batch.values()} == {torch.device("cuda:0")}
            for name, value in wanted.items():
                np.testing.assert_array_equal(to_numpy(batch[name]), value.numpy(), name)
    # four tensors are sent, an image gathered, and half of them turned
    check_loading(tally, (STEPS - 1) * (3 if paired else 1) * 10)


def test_validation_comes_to_the_gpu_too(ring: PoseRing) -> None:
    with virtual_gpu() as gpu:
        ours = data(ring, "cuda:0", 0.0, False, False)
        with gpu.count() as tally:
            (batch,) = ours.val_dataloader()
        assert batch["image"].is_cuda and batch["counts"].is_cuda
    check_loading(tally, 10)


def test_photos_that_the_gpu_has_no_room_for_stay_where_they_are(ring: PoseRing) -> None:
    with virtual_gpu(memory_gib=1e-6):
        assert not data(ring, "cuda:0", 0.5, False, False).store.resident


def test_memory_that_is_not_pinned_is_found(
    ring: PoseRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Store, "_pinned", lambda self, values: torch.from_numpy(values))
    with virtual_gpu() as gpu, gpu.count() as tally:
        list(data(ring, "cuda:0", 0.0, False, False).train_dataloader())
    with pytest.raises(AssertionError, match=r"datamodules/store\.py.*pageable"):
        check_loading(tally, STEPS * 10)
