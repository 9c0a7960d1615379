from pathlib import Path

import numpy as np
import pytest
import pyvista
import torch
import trimesh
from synthetic.solids import SIZE, ball, field_of, van

from mirage.core.errors import MirageError
from mirage.shape.mesh import save_mesh, surface


def test_a_balls_mesh_is_closed_round_and_stands_on_the_floor() -> None:
    mesh = surface(ball(0.4))
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(np.pi / 6.0, rel=0.05)  # positive: faces look outwards
    assert np.allclose(mesh.bounds, [[-0.5, 0.0, -0.5], [0.5, 1.0, 0.5]], atol=0.02)


@pytest.fixture
def brown() -> trimesh.Trimesh:
    """A van whose colour is half of red, a fifth of green and next to no blue, in sRGB."""
    share = torch.logit(torch.tensor([0.5, 0.2, 0.02])).view(3, 1, 1, 1).expand(3, *SIZE)
    return surface(field_of(van(), share.clone()))


@pytest.mark.parametrize("name", ["object.glb", "object.ply"])
def test_files_open_the_right_way_up(tmp_path: Path, brown: trimesh.Trimesh, name: str) -> None:
    save_mesh(brown, tmp_path / name)
    opened = trimesh.load(tmp_path / name, force="mesh")
    top = opened.vertices[opened.vertices[:, 1] > 0.35 * opened.extents[2]]
    assert opened.extents.argmax() == 2 and top[:, 2].min() > -0.05  # the tall box is in front


def test_a_ply_has_the_colours_of_a_screen(tmp_path: Path, brown: trimesh.Trimesh) -> None:
    save_mesh(brown, tmp_path / "object.ply")
    colours = trimesh.load(tmp_path / "object.ply", force="mesh").visual.vertex_colors
    assert np.abs(colours[:, :3] - np.array([127.5, 51.0, 5.1])).max() <= 1


def test_a_glb_is_matt_and_has_linear_colours(tmp_path: Path, brown: trimesh.Trimesh) -> None:
    """As VTK reads it, which did not write it. By IEC 61966-2-1, 0.5, 0.2 and 0.02 of sRGB."""
    save_mesh(brown, tmp_path / "object.glb")
    plotter = pyvista.Plotter(off_screen=True)
    plotter.import_gltf(str(tmp_path / "object.glb"))
    (actor,) = plotter.actors.values()
    material = actor.GetProperty()
    assert (material.GetMetallic(), material.GetRoughness()) == (0.0, 1.0)
    seen = pyvista.wrap(actor.GetMapper().GetInput())
    assert seen.n_cells == len(brown.faces)
    colours = np.asarray(seen.point_data["COLOR_0"])[:, :3]
    assert np.abs(colours - np.array([0.2140, 0.0331, 0.00155])).max() < 0.004
    assert np.abs(colours[:, 2] - 0.00155).max() < 0.0002  # in steps of 1/255 it would be black


def test_an_empty_field_has_no_mesh() -> None:
    with pytest.raises(MirageError, match="no object"):
        surface(field_of(torch.zeros(SIZE, dtype=torch.bool)))
