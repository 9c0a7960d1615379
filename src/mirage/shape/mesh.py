"""A field's surface as a mesh that other programs open."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import trimesh
from skimage.measure import marching_cubes
from trimesh.visual import TextureVisuals
from trimesh.visual.material import PBRMaterial

from mirage.core.contracts import FloatArray
from mirage.core.errors import MirageError
from mirage.core.files import replacing
from mirage.shape.field import VoxelField

_COLOURS = "_LINEAR_COLOUR"


@torch.no_grad()
def surface(field: VoxelField) -> trimesh.Trimesh:
    """The largest closed surface, coloured at its vertices, standing on y = 0, 1 at its longest.

    Axes as of glTF: y up. Marching cubes (Lorensen and Cline 1987) on the distance.

    Raises:
        MirageError: the field has no surface.
    """
    distance = field.distance[0, 0].numpy()
    if distance.min() >= 0.0:
        raise MirageError(
            "the views agree on no object",
            where="shape",
            todo="look at the views: they should show one object from all round",
        )
    # Empty all round, so that what reaches the side of the box is closed there.
    padded = np.pad(distance, 1, constant_values=field.voxel)
    places, faces, _, _ = marching_cubes(padded, 0.0)
    size = np.array(field.size)
    middle = ((places - 0.5) / size * 2.0 - 1.0)[:, ::-1]  # z y x → x y z
    vertices = middle * field.reach.numpy() + field.centre.numpy()
    colours = field.colour_at(torch.from_numpy(vertices.astype(np.float32))).numpy()
    mesh = trimesh.Trimesh(
        vertices, faces, vertex_colors=np.rint(255.0 * colours).astype(np.uint8), process=False
    )
    largest = max(mesh.split(only_watertight=False), key=lambda part: abs(part.volume))
    if largest.volume < 0.0:
        largest.invert()
    low, high = largest.bounds
    middle = np.array([(low[0] + high[0]) / 2.0, low[1], (low[2] + high[2]) / 2.0])
    largest.apply_translation(-middle)
    largest.apply_scale(1.0 / (high - low).max())
    return largest


def save_mesh(mesh: trimesh.Trimesh, path: Path) -> None:
    """Write a mesh as its suffix says (.glb, .ply), whole or not at all.

    Its vertex colours are sRGB, as PLY has them. glTF wants them linear, and takes for metal what
    has no material (https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html, 3.7.2.1, 5.22).
    """
    with replacing(path) as temporary:
        if path.suffix == ".glb":
            glb = _as_gltf(mesh).export(file_type="glb", tree_postprocessor=_name)
            temporary.write_bytes(cast(bytes, glb))
        else:
            mesh.export(temporary, file_type=path.suffix[1:])


def _as_gltf(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """The mesh, matt, its colours linear and fp32: in bytes, dark ones would show steps."""
    srgb = mesh.visual.vertex_colors[:, :3] / 255.0  # type: ignore[union-attr]
    material = PBRMaterial(metallicFactor=0.0, roughnessFactor=1.0)
    return trimesh.Trimesh(
        mesh.vertices,
        mesh.faces,
        process=False,
        visual=TextureVisuals(material=material),
        vertex_attributes={_COLOURS: to_linear(srgb).astype(np.float32)},
    )


def _name(tree: dict[str, Any]) -> None:
    """Name the colours as glTF does: trimesh itself writes any by that name as bytes."""
    for mesh in tree["meshes"]:
        for part in mesh["primitives"]:
            part["attributes"]["COLOR_0"] = part["attributes"].pop(_COLOURS)


def to_linear(srgb: FloatArray) -> FloatArray:
    """sRGB in [0, 1] → linear light in [0, 1] (IEC 61966-2-1)."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
