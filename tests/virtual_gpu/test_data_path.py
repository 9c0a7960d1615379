"""Batches on their way to a GPU: pinned, copied in the background, and those of the CPU."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from virtual_gpu import Tally, VirtualGPU, to_numpy, virtual_gpu

from datamodules.labelled import LabelledImages
from datamodules.pairs import PairedImages, TurnedPhotos
from datamodules.posed import PosedImages
from datamodules.store import Store
from mirage.contracts import PoseLabels, PoseRing

pytestmark = pytest.mark.virtual_gpu
STEPS = 6


def images(mirrored: bool) -> LabelledImages:
    pose = np.arange(16) % 4
    labels = PoseLabels(
        pose, np.ones(16), pose * 90.0, pose[:, None], np.ones((16, 1)), np.zeros(16, bool)
    )
    draw = np.random.default_rng(0).integers
    pixels, others = (draw(0, 256, (16, 8, 8, 3), dtype=np.uint8) for _ in range(2))
    return LabelledImages(pixels, labels, labels, others if mirrored else None)


def alone(ring: PoseRing, **settings: Any) -> PosedImages:
    data = images(settings.pop("mirrored", False))
    return PosedImages(
        data, ring, np.arange(12), np.arange(12, 16), 4, 0.5, STEPS, seed=0, **settings
    )


def paired(ring: PoseRing, **settings: Any) -> PairedImages:
    data = images(settings.pop("mirrored", False))
    turned = TurnedPhotos(data, np.arange(12))
    return PairedImages(
        turned, data, ring, np.arange(12), np.arange(12, 16), 4, 0.0, STEPS, 0, **settings
    )


def flat(batch: dict[str, Any]) -> dict[str, torch.Tensor]:
    return {
        f"{name} {key}": value
        for name, part in batch.items()
        for key, value in (flat(part) if isinstance(part, dict) else {"": part}).items()
    }


def loaded(data: PosedImages, device: str, count: Callable[[], Any]) -> tuple[list[Any], Tally]:
    """All batches of a training, and what it took to get those after the first."""
    strategy = SimpleNamespace(root_device=torch.device(device))
    data.trainer = SimpleNamespace(  # type: ignore[assignment]
        strategy=strategy, global_rank=0, world_size=1, global_step=0
    )
    batches = iter(data.train_dataloader())
    first = next(batches)
    with count() as tally:
        return [first, *batches], tally


def check_loading(tally: Tally) -> None:
    """Fails where a batch makes Python wait, or is copied from memory that is not pinned."""
    assert tally.num_operations > 0 and tally.num_syncs == tally.num_uploads == 0, f"{tally}"


@pytest.mark.parametrize("make", [alone, paired])
@pytest.mark.parametrize("mirrored", [False, True], ids=["turned round", "mirror images kept"])
@pytest.mark.parametrize("share", [0.0, 0.5], ids=["from memory", "resident"])
def test_batches(
    gpu: VirtualGPU, ring: PoseRing, make: Callable[..., Any], mirrored: bool, share: float
) -> None:
    data = make(ring, mirrored=mirrored, gpu_memory=share)
    batches, tally = loaded(data, "cuda:0", gpu.count)
    check_loading(tally)
    assert data.store.resident == (share > 0)
    own, _ = loaded(make(ring, mirrored=mirrored), "cpu", gpu.count)
    assert len(batches) == len(own) == STEPS
    for batch, expected in zip(map(flat, batches), map(flat, own), strict=True):
        assert all(x.is_cuda for x in batch.values())
        for name, value in expected.items():
            np.testing.assert_array_equal(to_numpy(batch[name]), to_numpy(value))


def test_photos_that_the_gpu_has_no_room_for_stay_where_they_are(ring: PoseRing) -> None:
    with virtual_gpu(memory_gib=1e-6) as gpu:
        data = alone(ring, gpu_memory=0.5)
        loaded(data, "cuda:0", gpu.count)
        assert not data.store.resident


def test_memory_that_is_not_pinned_is_found(
    gpu: VirtualGPU, ring: PoseRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Store, "_pinned", lambda self, values: torch.from_numpy(values))
    _, tally = loaded(alone(ring), "cuda:0", gpu.count)
    with pytest.raises(AssertionError, match=r"datamodules/store\.py.*pageable"):
        check_loading(tally)


def test_validation_comes_to_the_gpu_too(gpu: VirtualGPU, ring: PoseRing) -> None:
    data = alone(ring)
    data.trainer = SimpleNamespace(  # type: ignore[assignment]
        strategy=SimpleNamespace(root_device=torch.device("cuda:0")), global_rank=0, world_size=1
    )
    with gpu.count() as tally:
        (batch,) = data.val_dataloader()
    assert batch["image"].is_cuda and batch["counts"].is_cuda
    check_loading(tally)
