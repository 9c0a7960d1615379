import numpy as np
import pytest
import torch
from synthetic.solids import field_of, van, views_of

from mirage.core.errors import MirageError
from mirage.shape.cameras import OrbitCameras
from mirage.shape.fit import FitSettings, fit_field
from mirage.shape.reconstruct import judge, orbit_cameras, reconstruct
from mirage.shape.start import start_field
from mirage.shape.views import ObjectViews

BRIEF = FitSettings(voxels=(8_000,), steps=30, rays=512)


def test_fitting_sees_more_like_the_views_than_the_hull_does() -> None:
    red = torch.zeros(3, 36, 24, 36)
    red[0], red[1:] = 3.0, -3.0
    views = views_of(field_of(van(), red), 12, 24, 20.0)
    cameras = OrbitCameras(views.azimuth, 20.0)
    hull = start_field(cameras, views, 8_000)
    before, grey = judge(views, hull, cameras)
    after, error = judge(views, fit_field(views, cameras, BRIEF), cameras)
    assert after.mean() > before.mean()
    assert error.mean() < 0.75 * grey.mean()


def test_views_of_noise_are_not_trusted() -> None:
    rng = np.random.default_rng(0)
    masks = np.zeros((8, 16, 16), np.float32)
    for mask in masks:
        row, column = rng.integers(0, 10, 2)
        mask[row : row + 6, column : column + 6] = 1.0
    frames = rng.integers(0, 256, (8, 16, 16, 3), dtype=np.uint8)
    made = reconstruct(ObjectViews(frames, masks, np.arange(8) * 45.0, np.ones(8)), BRIEF)
    assert made.verdict.startswith("not to be trusted")


def test_a_turn_of_the_orbit_keeps_its_camera() -> None:
    cameras = OrbitCameras(np.array([0.0, 120.0, 240.0]), 15.0)
    with torch.no_grad():
        cameras.log_focal.add_(0.2)
        cameras.shift[:, 0] = 0.1
    point = torch.tensor([[0.2, 0.1, 0.3]])
    again = orbit_cameras(cameras, np.array([120.0])).project(point)
    assert torch.allclose(again[0], cameras.project(point)[1], atol=1e-5)


@pytest.mark.parametrize(
    ("azimuth", "shown", "what"),
    [
        (np.arange(12) * 10.0, 12, "no view looks into 250°"),
        (np.array([0.0, 180.0]), 2, "2 of 2 views"),
        (np.arange(12) * 30.0, 0, "0 of 12 views"),
    ],
)
def test_views_that_make_no_object(azimuth: np.ndarray, shown: int, what: str) -> None:
    count = len(azimuth)
    masks = np.zeros((count, 8, 8), np.float32)
    masks[:shown, 2:6, 2:6] = 1.0
    views = ObjectViews(np.zeros((count, 8, 8, 3), np.uint8), masks, azimuth, np.ones(count))
    with pytest.raises(MirageError, match=what):
        reconstruct(views, BRIEF)
