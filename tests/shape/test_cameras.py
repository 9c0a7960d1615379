import numpy as np
import pytest
import torch

from mirage.shape.cameras import OrbitCameras

POINTS = torch.tensor([[0.3, 0.2, 0.5], [-0.4, 0.1, -0.2], [0.0, 0.0, 0.0]])


def corrected() -> OrbitCameras:
    cameras = OrbitCameras(np.array([0.0, 70.0, 200.0]), 17.0)
    with torch.no_grad():
        for parameter in (cameras.turn, cameras.log_scale, cameras.shift):
            parameter.copy_(0.1 * torch.randn(parameter.shape))
    return cameras


def test_a_pixels_ray_goes_through_what_is_seen_there() -> None:
    torch.manual_seed(0)
    cameras = corrected()
    seen = cameras.project(POINTS)
    for view in range(3):
        rays = cameras.rays(torch.full((3,), view), seen[view])
        off = torch.linalg.cross(POINTS - rays.origin, rays.direction).norm(dim=1)
        assert off.max() < 1e-5


@pytest.mark.parametrize(
    ("azimuth", "elevation", "point", "place"),
    [
        (0.0, 0.0, (0.0, 0.0, 0.5), (0.0, 0.0)),  # the front faces the camera
        (90.0, 0.0, (0.0, 0.0, 0.5), (0.5, 0.0)),  # turned counter-clockwise: to the right
        (0.0, 90.0, (0.0, 0.0, 0.5), (0.0, -0.5)),  # from above, the front is below
        (0.0, 90.0, (0.5, 0.0, 0.0), (0.5, 0.0)),
        (0.0, 0.0, (0.0, 0.5, 0.0), (0.0, 0.5)),
    ],
)
def test_where_points_are_seen(
    azimuth: float, elevation: float, point: tuple[float, ...], place: tuple[float, float]
) -> None:
    cameras = OrbitCameras(np.array([azimuth]), elevation)
    seen = cameras.project(torch.tensor([point]))[0, 0]
    assert torch.allclose(seen, torch.tensor(place), atol=1e-6)


def test_corrections_that_nobody_expects_count_as_implausible() -> None:
    torch.manual_seed(0)
    plain = OrbitCameras(np.array([0.0, 70.0, 200.0]), 17.0)
    assert plain.implausibility().item() < 1e-9
    assert corrected().implausibility().item() > 1.0
