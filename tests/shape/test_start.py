import numpy as np
from synthetic.solids import SIZE, field_of, van, views_of

from mirage.shape.cameras import OrbitCameras
from mirage.shape.field import grid_points
from mirage.shape.start import start_field, try_orbits
from mirage.shape.views import ObjectViews


def test_silhouettes_tell_elevation_and_direction() -> None:
    true = views_of(field_of(van()), 12, 32, 20.0)
    backwards = ObjectViews(true.frames, true.masks, -true.azimuth, true.weight)
    best = try_orbits(backwards, [5.0, 20.0, 40.0])[0]
    assert (best.elevation, best.direction) == (20.0, -1)
    assert best.agreement > 0.8


def test_the_hull_holds_the_object_and_little_else() -> None:
    solid = van()
    views = views_of(field_of(solid), 24, 48, 20.0)
    hull = start_field(OrbitCameras(views.azimuth, 20.0), views, 40_000)
    true = field_of(solid)
    points = grid_points(SIZE, true.centre, true.reach)
    held = (hull.look_up(hull.raw, points)[:, 0] < 0.0).numpy()
    inside = solid.flatten().numpy()
    assert held[inside].mean() > 0.9
    assert np.sum(held) < 2.0 * np.sum(inside)
