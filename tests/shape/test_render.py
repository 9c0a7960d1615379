import math

import numpy as np
import torch
from synthetic.solids import ball

from mirage.shape.cameras import OrbitCameras, Rays
from mirage.shape.render import pixel_places, render_rays, render_views


def rays_at(height: torch.Tensor) -> Rays:
    """Rays along −z that pass the middle at these distances above."""
    origin = torch.stack([torch.zeros_like(height), height, torch.full_like(height, 3.0)], dim=1)
    return Rays(origin, torch.tensor([[0.0, 0.0, -1.0]]).expand(len(height), 3))


def test_opacity_is_that_of_the_nearest_approach() -> None:
    field = ball(0.4)
    height = torch.tensor([0.3, 0.38, 0.4, 0.42, 0.45])
    seen = render_rays(field, rays_at(height), step=0.2).opacity
    nearest = torch.stack([torch.zeros(5), height, torch.zeros(5)], dim=1)
    expected = 1.0 - field.outside(field.look_up(field.distance, nearest)[:, 0]).exp()
    assert torch.allclose(seen, expected, atol=0.03)
    assert seen[0] > 0.9 and seen[-1] < 0.15


def test_depth_is_that_of_the_front() -> None:
    drawn = render_rays(ball(0.4), rays_at(torch.zeros(1)), step=0.2)
    assert abs(drawn.depth.item() - 2.6) < 0.05


def test_a_silhouette_does_not_depend_on_thickness() -> None:
    thick = ball(0.4)
    areas = []
    for azimuth in (0.0, 33.0, 90.0):
        _, opacity = render_views(thick, OrbitCameras(np.array([azimuth]), 20.0), 32)
        areas.append(float(opacity.sum()) * (2.0 / 32) ** 2)
    assert np.ptp(areas) < 0.01
    assert abs(areas[0] - math.pi * 0.4**2) < 0.06


def test_a_ray_beside_the_box_meets_nothing() -> None:
    drawn = render_rays(ball(), rays_at(torch.tensor([2.0])), step=1.0)
    assert drawn.opacity.item() < 1e-6


def test_pixels_go_right_and_down() -> None:
    places = pixel_places(2)
    assert places.tolist() == [[-0.5, 0.5], [0.5, 0.5], [-0.5, -0.5], [0.5, -0.5]]
