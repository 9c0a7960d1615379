"""Batches depend on the seed and the step alone, and follow the soft labels."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from mirage.core.contracts import PoseLabels, PoseRing
from mirage.core.errors import MirageError
from mirage.datamodules.batches import Batches
from mirage.datamodules.labelled import LabelledImages
from mirage.datamodules.posed import PosedImages

NUM = 40


class Place:
    """A trainer's place among processes."""

    def __init__(self, rank: int, world_size: int) -> None:
        self.global_rank, self.world_size, self.global_step = rank, world_size, 0
        self.strategy = SimpleNamespace(root_device=torch.device("cpu"))


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


def batches(images: LabelledImages, ring: PoseRing, **changes: Any) -> Batches:
    """What one process trains on."""
    settings: dict[str, Any] = {
        "ids": np.arange(30),
        "batch_size": 8,
        "balance": 0.5,
        "seed": 3,
        "rank": 0,
        "world_size": 1,
    } | changes
    data = PosedImages(
        images,
        ring,
        settings["ids"],
        np.arange(30, NUM),
        settings["batch_size"],
        settings["balance"],
        5,
        settings["seed"],
    )
    data.trainer = Place(settings["rank"], settings["world_size"])  # type: ignore[assignment]
    return data.batches()


def drawn(batch: dict[str, torch.Tensor]) -> list[int]:
    return batch["image"][:, 0, 0, 0].tolist()


def test_a_batch_is_a_function_of_seed_and_step(images: LabelledImages, ring: PoseRing) -> None:
    one, other = (batches(images, ring) for _ in range(2))
    other[0], other[1]  # what was drawn before does not matter
    for key, value in one[2].items():
        assert torch.equal(value, other[2][key])
    assert drawn(one[2]) != drawn(one[3])
    assert drawn(one[2]) != drawn(batches(images, ring, seed=4)[2])


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
    flipped = replace(
        labels, pose=3 - labels.pose, topk=3 - labels.topk, azimuth=-labels.azimuth % 360
    )
    batch = batches(LabelledImages(pixels, labels, flipped), ring, batch_size=400)[0]
    turned = batch["image"][:, 0, 0, 0] >= 100
    assert turned.sum() == 200
    image = batch["image"][:, 0, :, 0].min(dim=1).values.numpy()
    first = labels.topk[image]
    allowed = np.where(turned.numpy()[:, None], 3 - first, first)
    assert (batch["pose"].numpy()[:, None] == allowed).any(axis=1).all()
    assert (batch["confidence"].numpy() == labels.confidence[image].astype(np.float32)).all()
    likeliest = batch["pose"].numpy() == allowed[:, 0]
    sign = np.where(turned.numpy(), -1, 1)
    own = sign * labels.azimuth[image] % 360
    np.testing.assert_allclose(batch["azimuth"].numpy()[likeliest], own[likeliest], rtol=1e-6)


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


@pytest.mark.parametrize("total", [12, 9])  # an even share of a rank, and an odd one
def test_ranks_mirror_what_one_process_mirrors(
    labels: PoseLabels, ring: PoseRing, total: int
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (NUM, 4, 4, 3), dtype=np.uint8)
    images = LabelledImages(pixels, labels, replace(labels, azimuth=-labels.azimuth % 360))
    for step in (0, 1):
        alone = batches(images, ring, batch_size=total)[step]
        ranks = [
            batches(images, ring, batch_size=total // 3, rank=rank, world_size=3)[step]
            for rank in range(3)
        ]
        for key, whole in alone.items():
            assert torch.equal(torch.cat([rank[key] for rank in ranks]), whole)


class Reads(TorchDispatchMode):
    """Counts the images that are gathered."""

    images = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if "index_select" in str(function):
            self.images += len(args[2])
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("stored", [False, True])  # whether mirror images are stored, too
def test_a_batch_gathers_each_of_its_images_once(
    images: LabelledImages, ring: PoseRing, stored: bool
) -> None:
    both = replace(images, flipped=images.labels, mirrored=images.pixels if stored else None)
    drawn = batches(both, ring)
    with Reads() as reads:
        drawn[0]
    assert reads.images == 8


def test_validation_looks_at_held_out_images_drawn_by_the_seed(ring: PoseRing) -> None:
    """The first ones may be of few objects: a folder lists the photos of one in a row."""
    ids = np.arange(2000)
    one = np.ones(2000)
    labels = PoseLabels(ids % 4, one, one, ids[:, None] % 4, one[:, None], np.zeros(2000, bool))
    pixels = ids.astype(np.float32)[:, None, None, None]

    def looked_at(seed: int) -> list[int]:
        images = LabelledImages(pixels, labels)
        data = PosedImages(images, ring, ids[:1], ids[1:], 64, 0.0, 1, seed)
        return [int(i) for batch in data.val_dataloader() for i in drawn(batch)]

    assert len(set(looked_at(0))) == 512
    assert max(looked_at(0)) > 1500
    assert looked_at(0) == looked_at(0) != looked_at(1)


@pytest.mark.parametrize(
    "changes",
    [
        {"pose": np.full(NUM, 4)},
        {"topk": np.full((NUM, 2), -1)},
        {"azimuth": np.full(NUM, np.nan)},
        {"azimuth": np.full(NUM, 361.0)},
        {"confidence": np.full(NUM, 1.5)},
    ],
)
def test_labels_that_cannot_be_are_refused_before_training(
    images: LabelledImages, ring: PoseRing, changes: dict[str, np.ndarray]
) -> None:
    wrong = replace(images.labels, **changes)
    for bad in (replace(images, labels=wrong), replace(images, flipped=wrong)):
        with pytest.raises(MirageError, match=next(iter(changes))):
            batches(bad, ring)


def test_labels_of_other_images_are_refused(images: LabelledImages, ring: PoseRing) -> None:
    with pytest.raises(MirageError, match="40 labels for 39 images"):
        batches(replace(images, pixels=images.pixels[1:]), ring)
