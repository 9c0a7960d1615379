"""Solid textures: a colour for every place in space, so that a pattern turns with its object."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from mirage.core.contracts import ByteArray, FloatArray
from mirage.images.turntable.palette import sample_contrast, sample_paint
from mirage.images.turntable.solids import BoolArray, Colour, ColouredMesh

KINDS = ("stripes", "checks", "patches", "dots", "blobs")
_FINENESS = 0.022  # longest edge of a textured triangle, over the object's length
_NUM_WAVES = 6  # of a random field


@dataclass(frozen=True)
class Texture:
    """A random pattern that fills space.

    Attributes:
        kind: stripes, checks, patches, dots or blobs.
        scale: width of one figure, in the unit of the points.
        colours: two or more.
        mirrored: the pattern is the same on both sides of y = 0.
        seed: of its orientation, its place and the shapes of its figures.
    """

    kind: str
    scale: float
    colours: tuple[Colour, ...]
    mirrored: bool
    seed: int

    def colour_at(self, points: FloatArray) -> ByteArray:
        """[N, 3] places → [N, 3] uint8 sRGB."""
        if self.mirrored:
            points = points * [1.0, 0.0, 1.0] + np.abs(points) * [0.0, 1.0, 0.0]
        rng = np.random.default_rng(self.seed)
        axes, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        inside = points @ axes / self.scale + rng.uniform(0.0, 1.0, 3)
        cell = np.floor(inside).astype(int)
        count = len(self.colours)
        if self.kind == "stripes":
            index = cell[:, 0] % count
        elif self.kind == "checks":
            index = cell.sum(axis=1) % count
        elif self.kind == "patches":
            index = rng.integers(count, size=(16, 16, 16))[tuple(cell.T % 16)]
        elif self.kind == "dots":
            index = (np.linalg.norm(inside - cell - 0.5, axis=1) < 0.45).astype(int)
        else:
            index = np.argmax([_random_field(inside, rng) for _ in self.colours], axis=0)
        return np.asarray(self.colours, np.uint8)[index]


def sample_texture(rng: np.random.Generator, scale: tuple[float, float]) -> Texture:
    """Draw a texture; its figures are as wide as the range `scale` allows."""
    first = sample_paint(rng)
    others = [sample_contrast(rng, first) for _ in range(int(rng.integers(1, 4)))]
    return Texture(
        kind=KINDS[int(rng.integers(len(KINDS)))],
        scale=rng.uniform(*scale),
        colours=(first, *others),
        mirrored=bool(rng.random() < 0.5),
        seed=int(rng.integers(2**31)),
    )


def cover(
    meshes: Sequence[ColouredMesh], skin: Collection[Colour], rng: np.random.Generator
) -> list[ColouredMesh]:
    """The meshes with a random texture of its own in place of each colour of `skin`."""
    vertices = np.concatenate([mesh.vertices for mesh in meshes])
    length = float(np.ptp(vertices, axis=0).max())
    textures = {
        colour: sample_texture(rng, (0.07 * length, 0.2 * length)) for colour in dict.fromkeys(skin)
    }
    return [_cover_mesh(mesh, textures, _FINENESS * length) for mesh in meshes]


def _cover_mesh(
    mesh: ColouredMesh, textures: dict[Colour, Texture], max_edge: float
) -> ColouredMesh:
    if not any(_has_colour(mesh, colour).any() for colour in textures):
        return mesh
    fine = _refined(mesh, max_edge)
    places, colours = fine.centroids(), fine.colours.copy()
    for colour, texture in textures.items():
        where = _has_colour(fine, colour)
        colours[where] = texture.colour_at(places[where])
    return ColouredMesh(fine.vertices, fine.normals, fine.triangles, colours, fine.finish)


def _has_colour(mesh: ColouredMesh, colour: Colour) -> BoolArray:
    return np.asarray((mesh.colours == colour).all(axis=1))


def _refined(mesh: ColouredMesh, max_edge: float) -> ColouredMesh:
    """The same surface in triangles no edge of which is longer than `max_edge`."""
    import pyvista as pv  # as slow to load as VTK: see `pictures`

    data = pv.PolyData.from_regular_faces(
        mesh.vertices.astype(np.float64), mesh.triangles.astype(int)
    )
    data.point_data["normals"], data.cell_data["colours"] = mesh.normals, mesh.colours
    fine = data.subdivide_adaptive(max_edge_len=max_edge)
    normals = np.asarray(fine.point_data["normals"])
    return ColouredMesh(
        np.asarray(fine.points, np.float64),
        normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12),
        fine.regular_faces,
        np.asarray(fine.cell_data["colours"]),
        mesh.finish,
    )


def _random_field(points: FloatArray, rng: np.random.Generator) -> FloatArray:
    """[N], a smooth random function with bumps about as wide as 1."""
    waves = rng.normal(0.0, 2.0, (_NUM_WAVES, 3))
    return np.asarray(np.cos(points @ waves.T + rng.uniform(0.0, 2.0 * np.pi, _NUM_WAVES)).sum(1))
