import pytest
import torch
from synthetic.solids import ball, field_of, van

from mirage.shape.field import blur, grid_points, grid_size, signed_distance


def test_the_distance_is_zero_half_way_between_inside_and_outside() -> None:
    inside = torch.zeros(5, 5, 5, dtype=torch.bool)
    inside[:, :, :2] = True
    row = signed_distance(inside, 0.1)[2, 2]
    assert torch.allclose(row, torch.tensor([-0.15, -0.05, 0.05, 0.15, 0.25]))


def test_the_area_of_a_ball_and_an_even_distance() -> None:
    area, unevenness = ball(0.4).area_and_unevenness()
    assert float(area.detach()) == pytest.approx(4.0 * torch.pi * 0.16, rel=0.1)
    assert float(unevenness.detach()) < 0.01


def test_a_finer_grid_has_the_same_surface() -> None:
    coarse = field_of(van())
    points = grid_points((10, 10, 10), torch.zeros(3), 0.9 * coarse.reach)
    fine = coarse.refined(100_000)
    before, after = (f.look_up(f.distance, points)[:, 0] for f in (coarse, fine))
    assert ((before < 0) == (after < 0)).float().mean() > 0.97
    assert fine.voxel < coarse.voxel


def test_blurring_keeps_what_is_flat() -> None:
    assert torch.allclose(blur(torch.full((1, 1, 6, 5, 4), 2.0)), torch.tensor(2.0))


def test_voxels_are_about_cubes() -> None:
    z, y, x = grid_size(torch.tensor([1.0, 0.5, 2.0]), 8000)
    assert abs(z * y * x - 8000) < 800
    assert z / x == pytest.approx(2.0, rel=0.1)
