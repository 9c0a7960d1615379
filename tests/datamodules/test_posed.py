"""Batches depend on the seed and the step alone, and follow the soft labels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from datamodules.labelled import LabelledImages
from datamodules.posed import PosedBatches, PosedImages
from mirage.contracts import PoseLabels, PoseRing

NUM = 40


@pytest.fixture
def labels() -> PoseLabels:
    pose = np.arange(NUM) % 4
    topk = np.stack([pose, (pose + 1) % 4], axis=1)
    weight = np.tile([0.7, 0.3], (NUM, 1))
    return PoseLabels(
        pose, np.linspace(0, 1, NUM), pose * 90.0 + 5, topk, weight, np.zeros(NUM, bool)
    )


@pytest.fixture
def images(labels: PoseLabels) -> LabelledImages:
    """Image i is filled with i, so that a batch tells which images it holds."""
    values = np.arange(NUM, dtype=np.uint8)[:, None, None, None]
    return LabelledImages(np.broadcast_to(values, (NUM, 4, 4, 3)).copy(), labels)


def batches(images: LabelledImages, ring: PoseRing, **changes: Any) -> PosedBatches:
    settings: dict[str, Any] = {
        "ids": np.arange(30), "probabilities": np.full(30, 1 / 30), "batch_size": 8,
        "num_steps": 5, "seed": 3, "rank": 0, "world_size": 1,
    }  # fmt: skip
    return PosedBatches(images, ring, **(settings | changes))


def drawn(batch: dict[str, torch.Tensor]) -> list[int]:
    return batch["image"][:, 0, 0, 0].tolist()


def test_a_batch_is_a_function_of_seed_and_step(images: LabelledImages, ring: PoseRing) -> None:
    one, other = (batches(images, ring) for _ in range(2))
    other[0], other[1]  # what was drawn before does not matter
    for key, value in one[2].items():
        assert torch.equal(value, other[2][key])
    assert drawn(one[2]) != drawn(one[3])
    assert drawn(one[2]) != drawn(batches(images, ring, seed=4)[2])
    assert len(one) == 5


def test_ranks_share_out_the_batch_of_one_process(images: LabelledImages, ring: PoseRing) -> None:
    alone = batches(images, ring, batch_size=12)[1]
    ranks = [batches(images, ring, batch_size=4, rank=rank, world_size=3)[1] for rank in range(3)]
    for key, whole in alone.items():
        assert torch.equal(torch.cat([rank[key] for rank in ranks]), whole)


def test_labels_are_drawn_with_their_weights(images: LabelledImages, ring: PoseRing) -> None:
    batch = batches(images, ring, batch_size=6000)[0]
    image = np.array(drawn(batch))
    assert image.max() == 29  # held-out images are never drawn
    assert np.bincount(image, minlength=30).min() > 6000 / 30 / 2
    best = batch["pose"].numpy() == images.labels.pose[image]
    assert best.mean() == pytest.approx(0.7, abs=0.03)
    assert (batch["pose"].numpy()[~best] == (images.labels.pose[image[~best]] + 1) % 4).all()
    azimuth = batch["azimuth"].numpy()
    assert azimuth[best] == pytest.approx(images.labels.azimuth[image[best]])
    assert azimuth[~best] == pytest.approx(ring.azimuth[batch["pose"].numpy()[~best]])
    assert batch["confidence"].numpy() == pytest.approx(images.labels.confidence[image])


def test_probabilities_are_obeyed(images: LabelledImages, ring: PoseRing) -> None:
    only = np.zeros(30)
    only[[4, 9]] = 0.25, 0.75
    image = np.array(drawn(batches(images, ring, probabilities=only, batch_size=4000)[0]))
    assert set(image) == {4, 9}
    assert (image == 9).mean() == pytest.approx(0.75, abs=0.03)


def test_a_batch_has_the_types_the_model_takes(images: LabelledImages, ring: PoseRing) -> None:
    batch = batches(images, ring)[0]
    assert batch["image"].shape == (8, 4, 4, 3) and batch["image"].dtype == torch.uint8
    assert batch["pose"].dtype == torch.int64
    assert batch["azimuth"].dtype == batch["confidence"].dtype == torch.float32


def test_the_module_trains_on_one_part_and_validates_on_the_other(
    images: LabelledImages, ring: PoseRing
) -> None:
    train, held = np.arange(30), np.arange(30, NUM)
    data = PosedImages(images, ring, train, held, 4, 0.5, 6, 0)
    steps = list(data.train_dataloader())
    assert len(steps) == 6
    assert {i for batch in steps for i in drawn(batch)} <= set(train)
    checked = list(data.val_dataloader())
    assert [i for batch in checked for i in drawn(batch)] == held.tolist()
    assert torch.cat([b["pose"] for b in checked]).tolist() == images.labels.pose[held].tolist()


def test_half_of_the_images_come_as_mirror_images_with_the_mirror_pose(
    labels: PoseLabels, ring: PoseRing
) -> None:
    """The left half of image i is i, its right half i + 100."""
    left = np.arange(NUM, dtype=np.uint8)[:, None, None, None]
    pixels = np.broadcast_to(left, (NUM, 4, 4, 3)).copy()
    pixels[:, :, 2:] += 100
    flipped = replace(labels, pose=3 - labels.pose, topk=3 - labels.topk, azimuth=-labels.azimuth)
    batch = batches(LabelledImages(pixels, labels, flipped), ring, batch_size=400)[0]
    turned = batch["image"][:, 0, 0, 0] >= 100
    assert 0.4 < turned.float().mean() < 0.6
    image = batch["image"][:, 0, :, 0].min(dim=1).values.numpy()
    first = labels.topk[image]
    allowed = np.where(turned.numpy()[:, None], 3 - first, first)
    assert (batch["pose"].numpy()[:, None] == allowed).any(axis=1).all()
    assert (batch["confidence"].numpy() == labels.confidence[image].astype(np.float32)).all()
    likeliest = batch["pose"].numpy() == allowed[:, 0]
    sign = np.where(turned.numpy(), -1, 1)
    own = sign * labels.azimuth[image]
    np.testing.assert_allclose(batch["azimuth"].numpy()[likeliest], own[likeliest], rtol=1e-6)


class Place:
    """A trainer's place among processes."""

    def __init__(self, rank: int, world_size: int) -> None:
        self.global_rank, self.world_size, self.global_step = rank, world_size, 0


@pytest.mark.parametrize("world", [1, 2, 3, 16])
def test_held_out_images_count_once_however_they_are_shared_out(
    images: LabelledImages, ring: PoseRing, world: int
) -> None:
    train, held = np.arange(30), np.arange(30, NUM)
    counted: list[int] = []
    sizes = set()
    for rank in range(world):
        data = PosedImages(images, ring, train, held, 4, 0.5, 6, 0)
        data.trainer = Place(rank, world)  # type: ignore[assignment]
        checked = list(data.val_dataloader())
        sizes.add(tuple(len(batch["pose"]) for batch in checked))
        for batch in checked:
            counted += [i for i, c in zip(drawn(batch), batch["counts"], strict=True) if c]
    assert sorted(counted) == held.tolist()
    assert len(sizes) == 1  # none waits for another's batch


@pytest.mark.parametrize("world", [1, 2])
@pytest.mark.parametrize("count", [30, 29, 7])  # whole batches of 6, not, and about one
def test_without_balance_every_image_is_drawn_once_an_epoch(
    images: LabelledImages, ring: PoseRing, world: int, count: int
) -> None:
    """Over all processes together, whichever step training goes on at."""
    train, total, epochs, begins_at = np.arange(5, 5 + count), 6, 4, 2
    steps = -(-epochs * count // total)
    seen: list[list[int]] = [[] for _ in range(steps)]
    for rank in range(world):
        data = PosedImages(images, ring, train, np.arange(36, NUM), total // world, 0.0, steps, 0)
        data.trainer = Place(rank, world)  # type: ignore[assignment]
        first = [drawn(batch) for batch in data.train_dataloader()]
        data.trainer.global_step = begins_at  # type: ignore[misc, union-attr]
        assert [drawn(batch) for batch in data.train_dataloader()] == first[begins_at:]
        for step, batch in enumerate(first):
            seen[step] += batch
    in_order = [image for batch in seen for image in batch]
    rounds = [in_order[i * count : (i + 1) * count] for i in range(epochs)]
    assert all(sorted(one) == train.tolist() for one in rounds)
    assert len({tuple(one) for one in rounds}) == epochs  # shuffled anew


def test_with_balance_draws_repeat_within_an_epoch(images: LabelledImages, ring: PoseRing) -> None:
    data = PosedImages(images, ring, np.arange(30), np.arange(30, NUM), 30, 0.5, 1, 0)
    (batch,) = data.train_dataloader()
    assert len(set(drawn(batch))) < 30
