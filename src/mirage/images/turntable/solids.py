"""Coloured triangle meshes and the few solids that the turntable's objects are built from.

Axes: x to the object's front, y to its left, z up; the floor is z = 0. Lengths are metres.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mirage.core.contracts import ByteArray, FloatArray, IntArray, check_shape

BoolArray = npt.NDArray[np.bool_]
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Finish:
    """How a surface answers light: shares of ambient, diffuse and specular, and the gloss."""

    ambient: float
    diffuse: float
    specular: float
    power: float


PAINT = Finish(0.30, 0.75, 0.35, 25.0)
GLASS = Finish(0.35, 0.50, 0.60, 30.0)
MATTE = Finish(0.35, 0.75, 0.05, 5.0)
LAMP = Finish(0.75, 0.35, 0.20, 20.0)


@dataclass(frozen=True)
class ColouredMesh:
    """Triangles with a colour each and a normal per vertex.

    Attributes:
        vertices: [N, 3] float, metres.
        normals: [N, 3] float, unit length, outwards.
        triangles: [M, 3] int, counter-clockwise seen from outside.
        colours: [M, 3] uint8, sRGB, one per triangle.
        finish: the material of the whole mesh.
    """

    vertices: FloatArray
    normals: FloatArray
    triangles: IntArray
    colours: ByteArray
    finish: Finish = PAINT

    def __post_init__(self) -> None:
        check_shape("vertices", self.vertices, (None, 3))
        check_shape("normals", self.normals, self.vertices.shape)
        check_shape("triangles", self.triangles, (None, 3))
        check_shape("colours", self.colours, self.triangles.shape)

    def centroids(self) -> FloatArray:
        """[M, 3], the middle of every triangle."""
        return np.asarray(self.vertices[self.triangles].mean(axis=1))

    def painted(self, where: BoolArray, colour: Colour) -> ColouredMesh:
        """The same mesh with the triangles in the mask `where` in `colour`."""
        colours = self.colours.copy()
        colours[where] = colour
        return ColouredMesh(self.vertices, self.normals, self.triangles, colours, self.finish)

    def moved(self, offset: Sequence[float]) -> ColouredMesh:
        """The same mesh shifted by `offset`."""
        vertices = self.vertices + np.asarray(offset)
        return ColouredMesh(vertices, self.normals, self.triangles, self.colours, self.finish)

    def split(self, where: BoolArray, finish: Finish) -> list[ColouredMesh]:
        """Two meshes: triangles outside the mask `where` as they are, those in it as `finish`."""
        parts = ((~where, self.finish), (where, finish))
        return [
            ColouredMesh(self.vertices, self.normals, self.triangles[m], self.colours[m], f)
            for m, f in parts
            if m.any()
        ]


def vertex_normals(vertices: FloatArray, triangles: IntArray) -> FloatArray:
    """[N, 3] area-weighted unit normals; a vertex of no area gets (0, 0, 1)."""
    corners = vertices[triangles]
    faces = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(vertices)
    for corner in range(3):
        for axis in range(3):
            normals[:, axis] += np.bincount(
                triangles[:, corner], faces[:, axis], minlength=len(vertices)
            )
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    up = np.array([0.0, 0.0, 1.0])
    return np.where(length > 1e-12, normals / np.maximum(length, 1e-12), up)


def loft(rings: FloatArray, colour: Colour, finish: Finish = PAINT) -> ColouredMesh:
    """A surface through closed rings.

    Args:
        rings: [R, S, 3]; every ring turns right-handed about the direction to the next one, so
            that the surface faces outwards. An end is open unless its ring is a point.
        colour: of every triangle.
        finish: material.
    """
    num_rings, num_points, _ = rings.shape
    grid = np.arange(num_rings * num_points).reshape(num_rings, num_points)
    a, b = grid[:-1], np.roll(grid[:-1], -1, axis=1)
    c, d = np.roll(grid[1:], -1, axis=1), grid[1:]
    triangles = np.stack([np.stack([a, b, c], -1), np.stack([a, c, d], -1)], axis=2).reshape(-1, 3)
    vertices = rings.reshape(-1, 3).astype(np.float64)
    colours = np.full(triangles.shape, colour, np.uint8)
    return ColouredMesh(vertices, vertex_normals(vertices, triangles), triangles, colours, finish)


def superellipse(num_points: int, power: float) -> FloatArray:
    """[num_points, 2] counter-clockwise on |a|ᵖ + |b|ᵖ = 1, spread evenly along a square.

    Power 2 is the circle; larger powers approach the square [-1, 1]² with rounded corners.
    """
    quarter = (np.arange(num_points) + 0.5) / num_points * 4.0
    side, along = quarter.astype(int) % 4, (quarter % 1.0) * 2.0 - 1.0
    one = np.ones(num_points)
    square = np.stack(
        [np.choose(side, [one, -along, -one, along]), np.choose(side, [along, one, -along, -one])],
        axis=1,
    )
    radius = (np.abs(square) ** power).sum(axis=1, keepdims=True) ** (1.0 / power)
    return np.asarray(square / radius)


def block(
    centre: Sequence[float],
    size: Sequence[float],
    colour: Colour,
    finish: Finish = MATTE,
    roundness: float = 0.2,
) -> ColouredMesh:
    """A box of `size` about `centre` with edges rounded by `roundness` (0 sharp, 1 ellipsoid)."""
    power = 2.0 / max(roundness, 0.08)
    outline = superellipse(24, power)
    levels = np.linspace(-1.0, 1.0, 13)
    levels = np.sign(levels) * np.abs(levels) ** 0.5
    scale = (1.0 - np.abs(levels) ** power).clip(0.0) ** (1.0 / power)
    rings = np.empty((len(levels), len(outline), 3))
    rings[:, :, :2] = outline * scale[:, None, None]
    rings[:, :, 2] = levels[:, None]
    half = np.asarray(size, np.float64) / 2.0
    return loft(rings * half + np.asarray(centre, np.float64), colour, finish)


def lathe(
    profile: FloatArray, colour: Colour, finish: Finish = MATTE, num_points: int = 40
) -> ColouredMesh:
    """A solid of revolution about the z axis.

    Args:
        profile: [R, 2] (radius, z); going upwards gives a surface that faces outwards.
        colour: of every triangle.
        finish: material.
        num_points: points round the axis.
    """
    angle = np.arange(num_points) / num_points * 2.0 * np.pi
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    rings = np.empty((len(profile), num_points, 3))
    rings[:, :, :2] = profile[:, None, :1] * circle
    rings[:, :, 2] = profile[:, None, 1]
    return loft(rings, colour, finish)


def turned(mesh: ColouredMesh, axes: FloatArray) -> ColouredMesh:
    """The mesh with its x, y, z axes laid along the rows of `axes`, a [3, 3] rotation."""
    return ColouredMesh(
        mesh.vertices @ axes, mesh.normals @ axes, mesh.triangles, mesh.colours, mesh.finish
    )


def rod(
    start: Sequence[float],
    end: Sequence[float],
    radius: float,
    colour: Colour,
    finish: Finish = MATTE,
    roundness: float = 1.0,
) -> ColouredMesh:
    """A straight bar from `start` to `end`; its section is round (1.0) or square (near 0)."""
    first, last = np.asarray(start, np.float64), np.asarray(end, np.float64)
    return sweep(np.stack([first, last]), radius, colour, finish, roundness)


def sweep(
    path: FloatArray, radius: float, colour: Colour, finish: Finish = MATTE, roundness: float = 1.0
) -> ColouredMesh:
    """A bar along the [R, 3] `path`, closed at both ends; section as in `rod`."""
    outline = superellipse(16, 2.0 / max(roundness, 0.08)) * radius
    tangent = np.gradient(path, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    up = np.array([0.0, 0.0, 1.0])
    if np.abs(tangent @ up).max() > 0.95:
        up = np.array([0.0, 1.0, 0.0])
    side = np.cross(up, tangent)
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    over = np.cross(tangent, side)
    rings = path[:, None] + outline[:, :1] * side[:, None] + outline[:, 1:] * over[:, None]
    ends = [np.repeat(p[None, None], 16, axis=1) for p in (path[0], path[-1])]
    return loft(np.concatenate([ends[0], rings, ends[1]]), colour, finish)
