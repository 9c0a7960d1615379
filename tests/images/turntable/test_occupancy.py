import numpy as np
import pytest

from mirage.images.turntable.objects import build_meshes, sample_objects
from mirage.images.turntable.occupancy import occupancy
from mirage.images.turntable.solids import block

TICKS = (np.arange(60) + 0.5) / 60 * 2.0 - 1.0


def test_a_ball_and_what_two_solids_share() -> None:
    one = block((0.0, 0.0, 0.0), (1.2, 1.2, 1.2), (0, 0, 0), roundness=1.0)
    inside = occupancy([one, one.moved((0.1, 0.0, 0.0))], TICKS, TICKS, TICKS)
    x, y, z = np.meshgrid(TICKS, TICKS, TICKS, indexing="ij")
    true = (np.hypot(np.hypot(x, y), z) < 0.6) | (np.hypot(np.hypot(x - 0.1, y), z) < 0.6)
    assert (inside & true).sum() / (inside | true).sum() > 0.95


def test_a_car_is_solid_where_it_is_open_inside() -> None:
    spec = sample_objects("cars", 1, 0)[0]
    car = spec.design
    middle = np.array([(car.cabin[1] + car.cabin[2]) / 2.0])
    heights = np.array([0.02, car.clearance + 0.1, car.belt, car.height - 0.1, car.height + 0.2])
    column = occupancy(build_meshes(spec), middle, np.array([0.01]), heights)[0, 0]
    assert column.tolist() == [False, True, True, True, False]


@pytest.mark.parametrize("category", ["chairs", "mugs"])
def test_other_objects_fill_a_part_of_their_box(category: str) -> None:
    meshes = build_meshes(sample_objects(category, 1, 0)[0])
    low = np.min([mesh.vertices.min(axis=0) for mesh in meshes], axis=0)
    high = np.max([mesh.vertices.max(axis=0) for mesh in meshes], axis=0)
    axes = [np.linspace(a, b, 30) for a, b in zip(low, high, strict=True)]
    assert 0.02 < occupancy(meshes, *axes).mean() < 0.9
