"""A batch is the same wherever its pictures are gathered."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mirage.core.contracts import PoseLabels
from mirage.datamodules.labelled import LabelledImages
from mirage.datamodules.store import Store, open_store

NUM, CPU = 2100, torch.device("cpu")  # more than are copied at once
IDS = np.array([2099, 0, 7, 7, 1024, 1023])


def images(dtype: str, mirrored: bool) -> LabelledImages:
    random = np.random.default_rng(0)
    upright, other = (random.integers(0, 256, (NUM, 4, 5, 3)).astype(dtype) for _ in range(2))
    one = np.ones(NUM)
    labels = PoseLabels(
        one.astype(int), one, one, one[:, None].astype(int), one[:, None], one.astype(bool)
    )
    return LabelledImages(upright, labels, labels, other if mirrored else None)


@pytest.mark.parametrize("resident", [False, True])
@pytest.mark.parametrize("odd", [None, 0, 1])
@pytest.mark.parametrize(("dtype", "stored"), [("uint8", False), ("float16", True)])
def test_every_second_picture_is_mirrored(
    resident: bool, odd: int | None, dtype: str, stored: bool
) -> None:
    shown = images(dtype, stored)
    store = Store(shown, CPU, resident)
    assert store.resident == resident
    labels = {"pose": np.arange(6)}
    batch = store.finish(store.fetch(IDS, labels, odd))
    expected = shown.pixels[IDS]
    if odd is not None:
        there = shown.pixels[:, :, ::-1] if shown.mirrored is None else shown.mirrored
        expected[odd::2] = there[IDS[odd::2]]
    np.testing.assert_array_equal(batch["image"].numpy(), expected)
    assert batch["pose"].tolist() == list(range(6))


def test_a_batch_is_its_own_even_of_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    shown = images("uint8", False)
    np.save(tmp_path / "cache.npy", shown.pixels)
    cache = np.load(tmp_path / "cache.npy", mmap_mode="r")
    store = Store(LabelledImages(cache, shown.labels), CPU, False)
    batch = store.finish(store.fetch(IDS, {}))
    batch["image"].zero_()
    np.testing.assert_array_equal(cache, shown.pixels)


@pytest.mark.parametrize(
    ("share", "stored", "stays"), [(0.5, False, True), (0.5, True, False), (0.0, False, False)]
)
def test_pictures_live_on_a_gpu_that_has_room(
    share: float, stored: bool, stays: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = images("uint8", stored)
    free = 3 * shown.pixels.nbytes
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 80 * free))
    asked = []
    monkeypatch.setattr(Store, "_copy_all", lambda self: asked.append(self.device))
    open_store(shown, torch.device("cuda:1"), share)
    assert asked == [torch.device("cuda:1")] * stays
    open_store(shown, CPU, share)
    assert len(asked) == stays  # a CPU has them in its memory anyway
