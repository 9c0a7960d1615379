"""From pictures to poses: a toy car whose outline repeats after half a turn, in colour patches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from processes import share_out
from torch import Tensor
from torch.nn.functional import avg_pool2d, normalize

import mirage.poses.description.describe as describing
from mirage.config import BackboneConfig, PartsConfig, PosesConfig
from mirage.core.angles import align_rings
from mirage.core.contracts import ByteArray, FloatArray, IntArray, PoseLabels
from mirage.features.backbone import Backbone
from mirage.metrics.poses import homogeneity
from mirage.poses.bank import PoseBank
from mirage.poses.bank_file import load_bank, save_bank
from mirage.poses.description.describe import Read, describe
from mirage.poses.description.described import Described
from mirage.poses.fit import fit_bank

SIDE, PATCH, BATCH = 60, 4, 50
GREY, NOSE, TAIL, WHEEL = (120, 120, 120), (250, 60, 60), (60, 250, 60), (20, 20, 90)
WHEELS = [(x, y) for x in (-0.6, 0.6) for y in (-0.4, 0.4)]


class ColourPatches:
    """Stands in for a pretrained network: a patch's feature is its mean colour."""

    config = BackboneConfig(name="effnet_lite", batch_size=BATCH)
    grid = (SIDE // PATCH, SIDE // PATCH)

    def __call__(self, images: ByteArray) -> Tensor:
        colour = torch.as_tensor(images).permute(0, 3, 1, 2).float() / 255 - 0.45
        constant = torch.full_like(colour[:, :1], 0.2)
        return normalize(avg_pool2d(torch.cat([colour, constant], 1), PATCH), dim=1).permute(
            0, 2, 3, 1
        )


def draw(azimuth: float, rng: np.random.Generator) -> ByteArray:
    """A box with a red nose at 0°, a green tail and four wheels, in a paint of its own."""
    image = np.full((SIDE, SIDE, 3), rng.uniform(190, 220), np.float64)
    towards = np.array([np.cos(azimuth), np.sin(azimuth)])
    right = np.array([-np.sin(azimuth), np.cos(azimuth)])
    length, width = rng.uniform(0.8, 0.95), rng.uniform(0.4, 0.5)
    half = length * abs(right[0]) + width * abs(right[1])

    def block(x: float, y: float, rx: float, ry: float, colour: tuple[float, ...]) -> None:
        x0, x1 = (round(SIDE / 2 + 24 * (x + s * rx)) for s in (-1, 1))
        y0, y1 = (round(SIDE / 2 + 24 * (y + s * ry)) for s in (-1, 1))
        image[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)] = colour

    block(0, 0, half, 0.35, tuple(rng.uniform(-25, 25, 3) + GREY))
    for place, colour in [((length, 0.0), NOSE), ((-length, 0.0), TAIL)]:
        if (seen := float(np.dot(place, towards) / length)) > 0.05:
            block(float(np.dot(place, right)) * 0.9, 0, 0.02 + 0.3 * seen, 0.15, colour)
    for wheel in WHEELS:
        if (near := float(np.dot(wheel, towards)) + 0.3) > 0:
            block(float(np.dot(wheel, right)), 0.3, min(0.12, 0.4 * near), 0.12, WHEEL)
    return (image + rng.normal(0, 4, image.shape)).clip(0, 255).astype(np.uint8)


def photos(num: int, seed: int) -> tuple[FloatArray, ByteArray]:
    rng = np.random.default_rng(seed)
    azimuth = rng.uniform(0, 360, num)
    return azimuth, np.stack([draw(float(a), rng) for a in np.deg2rad(azimuth)])


PARTS = PartsConfig(count=24, dims=4, temperature=0.1)
# Nose and tail differ in nothing but colour.
POSES = PosesConfig(count=8, dims=24, discoveries=1, erase_colour=False)


def reader(images: ByteArray, batch: int = BATCH) -> Read:
    """Streams them in batches."""

    def read(ids: IntArray) -> Iterator[tuple[IntArray, ByteArray]]:
        for start in range(0, len(ids), batch):
            rows = ids[start : start + batch]
            yield rows, images[rows]

    return read


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[PoseBank, PoseLabels, FloatArray]:
    azimuth, images = photos(400, seed=0)
    backbone = cast(Backbone, ColourPatches())
    described = describe(
        reader(images), 400, np.arange(400), backbone, PARTS, POSES, tmp_path_factory.mktemp("work")
    )
    bank = fit_bank(described.read_sample(), backbone.config, described.encoder, POSES)
    return bank, PoseLabels.join([bank.assign_descriptors(*d) for d in described.pairs()]), azimuth


class Stopping(ColourPatches):
    """Stops after a number of batches; counts them."""

    config = BackboneConfig(name="effnet_lite", batch_size=2)

    def __init__(self, stops_after: int) -> None:
        self.stops_after, self.num_batches = stops_after, 0

    def __call__(self, images: ByteArray) -> Tensor:
        if self.num_batches == self.stops_after:
            raise KeyboardInterrupt
        self.num_batches += 1
        return super().__call__(images)


def test_a_stopped_description_goes_on_where_it_was(tmp_path: Path) -> None:
    _, images = photos(70, seed=3)
    train = np.arange(70)[::2]
    poses = PosesConfig(count=8, dims=8, sample=33)
    parts = PartsConfig(count=8, dims=4, temperature=0.1, sample=33 * 225)

    def extrapolate(folder: Path, stops_after: int) -> tuple[Described | None, int]:
        network = Stopping(stops_after)
        try:
            arguments = (
                reader(images, 2),
                70,
                train,
                cast(Backbone, network),
                parts,
                poses,
                folder,
            )
            return describe(*arguments), network.num_batches
        except KeyboardInterrupt:
            return None, network.num_batches

    straight, needed = extrapolate(tmp_path / "straight", 1000)
    assert straight is not None
    starts, passed = 0, 0
    described = None
    while described is None:  # stopped every 17 batches; a block is 16
        described, num = extrapolate(tmp_path / "stopped", 17)
        starts, passed = starts + 1, passed + num
    assert starts > 3 and passed - needed < 16 * (starts - 1)  # none does all again
    np.testing.assert_array_equal(described.sample, straight.sample)
    np.testing.assert_array_equal(described.photos.read(), straight.photos.read())
    np.testing.assert_array_equal(described.copies.read(), straight.copies.read())
    assert set(described.sample) < set(train) and len(described.sample) == 33
    assert not (tmp_path / "stopped" / "patches").exists()  # features are not kept


def test_photos_are_described_with_their_mirror_images_and_copies(tmp_path: Path) -> None:
    _, images = photos(60, seed=4)
    backbone = cast(Backbone, ColourPatches())
    poses = PosesConfig(count=8, dims=8)
    train = np.arange(60)[::2]
    described = describe(reader(images), 60, train, backbone, PARTS, poses, tmp_path)
    here, there = described.take(np.array([3, 58]))
    flipped = np.ascontiguousarray(images[[3, 58], :, ::-1])
    # A matrix product rounds by the number of its rows.
    assert_allclose(here, described.encoder(backbone(images[[3, 58]])), atol=1e-6)
    assert_allclose(there, described.encoder(backbone(flipped)), atol=1e-6)
    sample = described.read_sample()
    assert sample.copies is not None and len(sample.copies.descriptors) == len(train)
    descriptors, azimuth = sample.copies.at(np.arange(30.0))
    np.testing.assert_array_equal(np.abs(azimuth), np.arange(30.0))
    # Copies at even places are nearer to their photos than to mirror images, and the others not.
    near, far = (
        np.linalg.norm(descriptors - of, axis=1) for of in (sample.photos, sample.mirrored)
    )
    assert np.median((far - near) * np.where(azimuth < 0, -1, 1)) > 0


def test_colour_is_taken_out_where_circles_are_sought_only(tmp_path: Path) -> None:
    _, images = photos(220, seed=5)
    backbone = cast(Backbone, ColourPatches())
    poses = PosesConfig(count=8, dims=8, erase_colour=True)
    described = describe(reader(images), 220, np.arange(220), backbone, PARTS, poses, tmp_path)
    sample = described.read_sample()
    assert sample.eraser is not None
    expected = described.encoder(backbone(images))  # rounded otherwise on other threads
    np.testing.assert_allclose(sample.photos, expected, atol=1e-5)
    erased = sample.erased()
    np.testing.assert_allclose(erased.photos, sample.photos @ sample.eraser, atol=1e-5)
    assert np.linalg.matrix_rank(sample.eraser, tol=1e-6) < len(sample.eraser)


def test_who_fits_the_encoder_has_the_threads_of_those_that_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, images = photos(20, seed=3)
    seen: list[int] = []

    def fit(*_: object) -> None:
        seen.append(torch.get_num_threads())
        raise ZeroDivisionError

    monkeypatch.setattr(describing, "_fit_encoder", fit)
    before = torch.get_num_threads()
    network = cast(Backbone, ColourPatches())
    share_out(
        3,
        lambda ranks: describe(
            reader(images), 20, np.arange(20), network, PARTS, POSES, tmp_path, ranks
        ),
    )
    assert seen == [3 * before] and torch.get_num_threads() == before


def test_poses_are_alike_in_azimuth(found: tuple[PoseBank, PoseLabels, FloatArray]) -> None:
    _, labels, azimuth = found
    assert homogeneity(labels.pose, azimuth // 30) > 0.45  # by chance about 0.02
    assert (np.bincount(labels.pose, minlength=8) > 0).all()


def test_the_saved_bank_alone_reads_new_photos(
    found: tuple[PoseBank, PoseLabels, FloatArray], tmp_path: Path
) -> None:
    bank, _, _ = found
    save_bank(bank, tmp_path / "bank.safetensors")
    loaded = load_bank(tmp_path / "bank.safetensors")
    azimuth, fresh = photos(200, seed=1)
    read, again = (b.assign(ColourPatches()(fresh)) for b in (loaded, bank))
    assert (read.pose == again.pose).all()
    assert homogeneity(read.pose, azimuth // 30) > 0.45


def test_mirror_images_run_the_other_way(found: tuple[PoseBank, PoseLabels, FloatArray]) -> None:
    """Never told: a mirrored photo must be read at minus its azimuth, up to the ring's zero."""
    bank, _, _ = found
    _, fresh = photos(200, seed=2)
    there = bank.assign(ColourPatches()(fresh)).azimuth
    back = bank.assign(ColourPatches()(np.ascontiguousarray(fresh[:, :, ::-1]))).azimuth
    alignment = align_rings(there, back)
    assert alignment.direction == -1
    assert np.median(alignment.error(there, back)) < 15.0
