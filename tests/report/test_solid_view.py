import base64

import numpy as np
import pytest
from synthetic.pages import make_cube, make_view

from mirage.drawing.surface import Surface
from mirage.report.solid_view import SolidView, solid_contexts


def unpack(text: str, kind: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), kind).reshape(-1, 3)


def test_a_packed_surface_is_the_same_but_for_its_place_and_size() -> None:
    cube = make_cube()
    moved = Surface(7.0 * cube.vertices + np.array([3.0, -1.0, 2.0]), cube.faces, cube.colours)
    packed = moved.packed()
    places = unpack(packed["places"], "<i2") / 32767
    assert np.linalg.norm(places, axis=1).max() == pytest.approx(1.0, abs=1e-4)
    scale = np.abs(places).max() / np.abs(cube.vertices).max()
    np.testing.assert_allclose(places, scale * cube.vertices, atol=1e-4)
    np.testing.assert_array_equal(unpack(packed["faces"], "<u4"), cube.faces)
    np.testing.assert_array_equal(unpack(packed["colours"], "u1"), cube.colours)


def test_colours_are_one_a_vertex() -> None:
    cube = make_cube()
    with pytest.raises(ValueError, match="colours"):
        Surface(cube.vertices, cube.faces, cube.colours[:-1])


def test_an_object_without_a_surface_is_only_shown_turning() -> None:
    view = make_view("car", "object")
    shown = [SolidView(view, "good", None), SolidView(view, "good", make_cube(), 30.0, 10.0)]
    one, two = solid_contexts(shown, [{"name": "a"}, {"name": "b"}])
    assert one["data"] is None and one["orbit"] == {"name": "a"}
    data = two["data"]
    assert isinstance(data, dict) and (data["yaw"], data["pitch"]) == (30.0, 10.0)
