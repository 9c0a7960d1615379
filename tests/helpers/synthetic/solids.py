"""Small solids as fields, and views of them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mirage.shape.cameras import OrbitCameras
from mirage.shape.field import VoxelField, grid_points, signed_distance
from mirage.shape.render import render_views
from mirage.shape.views import ObjectViews

REACH = torch.tensor([0.9, 0.6, 0.9])
SIZE = (36, 24, 36)  # voxels of 0.05


def field_of(inside: Tensor, colour: Tensor | None = None) -> VoxelField:
    """A field from what is inside, [Z, Y, X] bool."""
    raw = torch.zeros(3, *SIZE) if colour is None else colour
    return VoxelField(signed_distance(inside, 0.05), raw, torch.zeros(3), REACH, softness=0.5)


def ball(radius: float = 0.4) -> VoxelField:
    """A ball whose distance is exact."""
    points = grid_points(SIZE, torch.zeros(3), REACH)
    distance = (points.norm(dim=1) - radius).view(SIZE)
    return VoxelField(distance, torch.zeros(3, *SIZE), torch.zeros(3), REACH, softness=0.5)


def van() -> Tensor:
    """[Z, Y, X] bool: a long low box with a tall one at its front left."""
    x, y, z = grid_points(SIZE, torch.zeros(3), REACH).T
    low = (x.abs() < 0.3) & (y < 0.0) & (y > -0.4) & (z.abs() < 0.7)
    tall = (x > -0.1) & (x < 0.3) & (y >= 0.0) & (y < 0.4) & (z > 0.1) & (z < 0.7)
    return (low | tall).view(SIZE)


def views_of(field: VoxelField, count: int, side: int, elevation: float) -> ObjectViews:
    """Views all round; colours before black."""
    azimuth = np.arange(count) * (360.0 / count)
    colour, opacity = render_views(field, OrbitCameras(azimuth, elevation), side)
    frames = np.rint(255.0 * colour).clip(0, 255).astype(np.uint8)
    return ObjectViews(frames, opacity, azimuth, np.ones(count))
