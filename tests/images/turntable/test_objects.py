"""Objects are a function of (category, seed, stream, index), and their meshes are sound."""

from __future__ import annotations

import numpy as np
import pytest

from mirage.core.errors import MirageError
from mirage.images.turntable.objects import CATEGORIES, build_meshes, sample_objects


@pytest.mark.parametrize("category", CATEGORIES)
def test_an_object_does_not_depend_on_how_many_are_drawn(category: str) -> None:
    few, many = sample_objects(category, 3, 7), sample_objects(category, 9, 7)
    assert few == many[:3]
    assert len({spec.design for spec in many}) == 9


def test_streams_and_seeds_share_no_object() -> None:
    sets = [
        sample_objects("cars", 40, seed, stream)
        for seed in (0, 1)
        for stream in ("train", "evaluate")
    ]
    everything = [spec for objects in sets for spec in objects]
    assert len({spec.object_id for spec in everything}) == 160
    assert len({spec.design for spec in everything}) == 160


@pytest.mark.parametrize("category", CATEGORIES)
def test_meshes_stand_on_the_floor_and_mirror_left_to_right(category: str) -> None:
    for spec in sample_objects(category, 12, 3):
        vertices = np.concatenate([mesh.vertices for mesh in build_meshes(spec)])
        assert np.isfinite(vertices).all()
        assert -0.05 < vertices[:, 2].min() < 0.05
        assert vertices[:, 1].max() == pytest.approx(-vertices[:, 1].min(), abs=0.01)
        for mesh in build_meshes(spec):
            assert mesh.triangles.min() >= 0 and mesh.triangles.max() < len(mesh.vertices)
            assert np.allclose(np.linalg.norm(mesh.normals, axis=1), 1.0, atol=1e-6)


@pytest.mark.parametrize("category", CATEGORIES)
def test_closed_parts_enclose_a_positive_volume(category: str) -> None:
    # The divergence theorem: inside-out surfaces would give a negative sum.
    for mesh in build_meshes(sample_objects(category, 1, 0)[0]):
        corners = mesh.vertices[mesh.triangles] - mesh.vertices.mean(axis=0)
        volume = np.einsum("ij,ij->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6.0
        is_inside_of_mug = category == "mugs" and mesh.vertices[0, 2] > 0.9
        assert volume < 0.0 if is_inside_of_mug else volume > -1e-9


def test_unknown_names_are_refused() -> None:
    with pytest.raises(MirageError, match="'boats'"):
        sample_objects("boats", 1, 0)
    with pytest.raises(MirageError, match="'validation'"):
        sample_objects("cars", 1, 0, "validation")
    with pytest.raises(MirageError, match="'furry'"):
        sample_objects("cars", 1, 0, variant="furry")
