import numpy as np
import pytest
import torch
from synthetic.solids import REACH, van

from mirage.core.errors import MirageError
from mirage.shape.field import grid_points
from mirage.shape.measure import Solid, compare, outline, psnr

CUBE = (1.0, 1.0, 1.0)


def moved(turn: float, scale: float, shift: tuple[float, float, float], flip: float = 1.0) -> Solid:
    """The van, turned counter-clockwise from above, scaled and shifted."""
    points = grid_points((40, 40, 40), torch.zeros(3), torch.ones(3))
    x, y, z = ((points - torch.tensor(shift)) / scale).T
    c, s = np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn))
    back = torch.stack([flip * (c * x - s * z), y, s * x + c * z], dim=1)
    places = ((back / REACH + 1.0) * 0.5 * torch.tensor([36, 24, 36])).floor().long()
    within = (back.abs() < REACH).all(dim=1)
    inside = torch.zeros(len(points), dtype=torch.bool)
    px, py, pz = places[within].T
    inside[within] = van()[pz, py, px]
    return Solid(inside.view(40, 40, 40).numpy(), CUBE)


def test_the_alignment_that_views_leave_free_is_found() -> None:
    like = compare(moved(0.0, 1.0, (0.0, 0.0, 0.0)), moved(65.0, 0.8, (0.1, 0.05, -0.1)))
    assert like.iou > 0.85 and like.chamfer < 0.03
    assert like.turn == pytest.approx(65.0, abs=4.0)
    assert like.scale == pytest.approx(0.8, abs=0.04)


def test_a_mirrored_object_is_not_the_same() -> None:
    true = moved(0.0, 0.9, (0.0, 0.0, 0.0))
    mirrored = moved(0.0, 0.9, (0.0, 0.0, 0.0), flip=-1.0)
    assert compare(mirrored, true).iou < compare(true, true).iou - 0.05


def test_what_no_view_from_above_the_floor_looks_into_is_filled() -> None:
    x, y, z = grid_points((40, 40, 40), torch.zeros(3), torch.ones(3)).T
    box = (x.abs() < 0.5) & (y.abs() < 0.25) & (z.abs() < 0.5)
    pit = box & ~((x.abs() < 0.25) & (y < 0.0) & (z.abs() < 0.25))
    filled = outline(Solid(pit.view(40, 40, 40).numpy(), CUBE)).inside
    assert pit.sum() < 0.9 * box.sum()
    assert filled.sum() >= box.sum() and filled.sum() < 1.3 * box.sum()


def test_nothing_cannot_be_compared() -> None:
    with pytest.raises(MirageError, match="shapes"):
        compare(Solid(np.zeros((4, 4, 4), bool), CUBE), Solid(np.ones((4, 4, 4), bool), CUBE))


def test_psnr_of_a_tenth() -> None:
    assert psnr(np.zeros((2, 2)), np.full((2, 2), 0.1)) == pytest.approx(20.0)
