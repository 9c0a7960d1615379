"""Batches come to a GPU without a wait, from its own memory or from the machine's."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from virtual_gpu import to_numpy, virtual_gpu

from datamodules.labelled import LabelledImages
from datamodules.pairs import PairedImages, TurnedPhotos
from datamodules.posed import PosedImages
from mirage.contracts import PoseLabels, PoseRing

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
    made = PairedImages(TurnedPhotos(shown, ids), *settings) if paired else PosedImages(*settings)
    made.trainer = SimpleNamespace(  # type: ignore[assignment]
        global_rank=0, world_size=1, global_step=0,
        strategy=SimpleNamespace(root_device=torch.device(device)),
    )  # fmt: skip
    return made


def flat(batch: Any) -> dict[str, Any]:
    parts = [batch, *batch.get("pair", {}).values()]
    return {
        f"{i} {name}": value
        for i, part in enumerate(parts)
        for name, value in part.items()
        if name != "pair"
    }


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
    assert tally.num_syncs == tally.num_uploads == 0, tally
    # four tensors are sent, an image gathered, and half of them turned
    assert tally.num_operations <= (STEPS - 1) * (3 if paired else 1) * 10, tally


def test_validation_comes_to_the_gpu_too(ring: PoseRing) -> None:
    with virtual_gpu() as gpu:
        ours = data(ring, "cuda:0", 0.0, False, False)
        with gpu.count() as tally:
            (batch,) = ours.val_dataloader()
        assert batch["image"].is_cuda and batch["counts"].is_cuda
    assert tally.num_syncs == tally.num_uploads == 0, tally
