from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from made_up_solids import SIZE, ball, field_of, van

from mirage.errors import MirageError
from mirage.shape.mesh import save_mesh, surface


def test_a_balls_mesh_is_closed_round_and_stands_on_the_floor() -> None:
    mesh = surface(ball(0.4))
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(np.pi / 6.0, rel=0.05)  # positive: faces look outwards
    assert np.allclose(mesh.bounds, [[-0.5, 0.0, -0.5], [0.5, 1.0, 0.5]], atol=0.02)


@pytest.mark.parametrize("name", ["object.glb", "object.ply"])
def test_files_open_the_right_way_up_and_coloured(tmp_path: Path, name: str) -> None:
    red = torch.full((3, *SIZE), -9.0)
    red[0] = 9.0
    save_mesh(surface(field_of(van(), red)), tmp_path / name)
    opened = trimesh.load(tmp_path / name, force="mesh")
    top = opened.vertices[opened.vertices[:, 1] > 0.35 * opened.extents[2]]
    assert opened.extents.argmax() == 2 and top[:, 2].min() > -0.05  # the tall box is in front
    assert np.abs(opened.visual.vertex_colors[:, :3] - np.array([255, 0, 0])).max() <= 1


def test_an_empty_field_has_no_mesh() -> None:
    with pytest.raises(MirageError, match="no object"):
        surface(field_of(torch.zeros(SIZE, dtype=torch.bool)))
