"""Which points lie inside an object: the truth that reconstructed shapes are measured against."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mirage.core.contracts import FloatArray, IntArray
from mirage.images.turntable.solids import BoolArray, ColouredMesh


def occupancy(
    meshes: Sequence[ColouredMesh], x: FloatArray, y: FloatArray, z: FloatArray
) -> BoolArray:
    """The union of solids, on a grid.

    A point is inside a solid when a ray from it straight up leaves the solid once more often than
    it enters. Below its lowest vertex nothing is: cabins are open where they stand in the body.

    Args:
        meshes: in metres; those that share their vertices are one solid.
        x, y, z: ascending coordinates of the grid's points.

    Returns:
        [X, Y, Z] bool.
    """
    inside = np.zeros((len(x), len(y), len(z)), bool)
    solids: dict[int, list[ColouredMesh]] = {}
    for mesh in meshes:
        solids.setdefault(id(mesh.vertices), []).append(mesh)
    for parts in solids.values():
        vertices = parts[0].vertices
        triangles = np.concatenate([part.triangles for part in parts])
        above = z >= vertices[:, 2].min()
        inside |= (_leaving(vertices[triangles], x, y, z) > 0) & above
    return inside


def _leaving(corners: FloatArray, x: FloatArray, y: FloatArray, z: FloatArray) -> IntArray:
    """[X, Y, Z]: out of minus into the surface [M, 3, 3], on the way up from a point."""
    low, high = corners.min(axis=1), corners.max(axis=1)
    first = np.stack([np.searchsorted(x, low[:, 0]), np.searchsorted(y, low[:, 1])], axis=1)
    last = np.stack([np.searchsorted(x, high[:, 0]), np.searchsorted(y, high[:, 1])], axis=1)
    counts = last - first
    triangle = np.repeat(np.arange(len(corners)), counts.prod(axis=1))
    within = np.arange(len(triangle)) - np.repeat(
        counts.prod(axis=1).cumsum() - counts.prod(axis=1), counts.prod(axis=1)
    )
    i = first[triangle, 0] + within // counts[triangle, 1]
    j = first[triangle, 1] + within % counts[triangle, 1]
    a, b, c = corners[triangle].swapaxes(0, 1)
    point = np.stack([x[i], y[j]], axis=1)
    area = _cross(b - a, c - a)
    u = _cross(point - a[:, :2], (c - a)[:, :2]) / np.where(area == 0.0, np.inf, area)
    v = _cross((b - a)[:, :2], point - a[:, :2]) / np.where(area == 0.0, np.inf, area)
    # Half-open, so that a ray through an edge counts one of its two triangles.
    hit = (area != 0.0) & (u >= 0.0) & (v >= 0.0) & (u + v < 1.0)
    height = a[:, 2] + u * (b - a)[:, 2] + v * (c - a)[:, 2]
    crossings = np.zeros((len(x), len(y), len(z) + 1), np.int64)
    level = np.searchsorted(z, height)
    np.add.at(crossings, (i[hit], j[hit], level[hit]), np.sign(area[hit]).astype(np.int64))
    above = crossings[..., ::-1].cumsum(axis=2)[..., ::-1]
    return np.asarray(above[..., 1:])


def _cross(a: FloatArray, b: FloatArray) -> FloatArray:
    return np.asarray(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])
