"""Where fitting starts: the elevation and direction whose silhouettes agree, and their hull."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from mirage.core.progress import show_progress
from mirage.shape.cameras import OrbitCameras
from mirage.shape.field import VoxelField, grid_points, grid_size, sample_grid, signed_distance
from mirage.shape.hull import visual_hull
from mirage.shape.render import pixel_places
from mirage.shape.views import ObjectViews

_REACH = 1.15  # half side of the box that an object is looked for in
_COARSE = 32**3  # voxels of a hull that is only compared
_SIDE = 32  # pixels of the silhouettes that are compared
_MARGIN = 0.08  # of the box round the hull


@dataclass(frozen=True)
class Trial:
    """One guess at the orbit.

    Attributes:
        elevation: degrees. direction: +1, or −1 where the ring runs clockwise seen from above.
        agreement: in [0, 1], intersection over union of the masks with those of their hull.
    """

    elevation: float
    direction: int
    agreement: float


def try_orbits(views: ObjectViews, elevations: Sequence[float]) -> list[Trial]:
    """Score elevations and both directions, best first.

    Silhouettes of one solid from right cameras cover exactly what its hull covers; from wrong ones
    the hull is too small (Hernández, Schmitt and Cipolla, "Silhouette Coherence for Camera
    Calibration under Circular Motion", PAMI 2007). Directions differ by parallax alone, so that an
    orbit at elevation 0 has none, and the camera is taken to be above the horizon.
    """
    guesses = [(e, d) for e in elevations for d in (1, -1)]
    trials = [
        Trial(e, d, agreement(OrbitCameras(d * views.azimuth, e), views))
        for e, d in show_progress(guesses, "elevations", len(guesses))
    ]
    return sorted(trials, key=lambda trial: -trial.agreement)


@torch.no_grad()
def agreement(cameras: OrbitCameras, views: ObjectViews) -> float:
    """In [0, 1]: how well the silhouettes agree on a solid; the mean over views, by weight."""
    masks = _as_tensor(views.masks)
    weight = _as_tensor(views.weight)
    centre, half = torch.zeros(3), torch.full((3,), _REACH)
    size = grid_size(half, _COARSE)
    hull = visual_hull(cameras, masks, grid_points(size, centre, half), weight)
    small = F.interpolate(masks[:, None], (_SIDE, _SIDE), mode="area")[:, 0]
    shadow = _shadows(cameras, hull.view(1, 1, *size))
    both = torch.minimum(small, shadow).sum(dim=(1, 2))
    either = torch.maximum(small, shadow).sum(dim=(1, 2)).clamp_min(1e-6)
    return float((weight * both / either).sum() / weight.sum())


def _shadows(cameras: OrbitCameras, hull: Tensor) -> Tensor:
    """[V, S, S]: the most that is met on the way through a pixel."""
    places = pixel_places(_SIDE).repeat(len(cameras), 1)
    view = torch.arange(len(cameras)).repeat_interleave(_SIDE**2)
    rays = cameras.rays(view, places)
    middle = rays.origin.norm(dim=1)
    reach = torch.linspace(-1.5, 1.5, 48)
    points = rays.origin[:, None] + (middle[:, None] + reach)[..., None] * rays.direction[:, None]
    places = points.view(-1, 3) / _REACH
    met = sample_grid(hull, places)[:, 0] * (places.abs() <= 1.0).all(dim=1)
    return met.view(len(cameras), _SIDE, _SIDE, -1).amax(dim=3)


@torch.no_grad()
def start_field(cameras: OrbitCameras, views: ObjectViews, num_voxels: int) -> VoxelField:
    """The hull as a field, in a box that just holds it; grey all over."""
    masks, weight = _as_tensor(views.masks), _as_tensor(views.weight)
    centre, half = torch.zeros(3), torch.full((3,), _REACH)
    points = grid_points(grid_size(half, _COARSE), centre, half)
    held = points[visual_hull(cameras, masks, points, weight) > 0.5]
    if len(held):
        low, high = held.amin(dim=0) - _MARGIN, held.amax(dim=0) + _MARGIN
        centre, half = (low + high) / 2.0, (high - low) / 2.0
    size = grid_size(half, num_voxels)
    hull = visual_hull(cameras, masks, grid_points(size, centre, half), weight).view(size)
    distance = signed_distance(hull > 0.5, float(2.0 * half[0] / size[2]))
    return VoxelField(distance, torch.zeros(3, *size), centre, half)


def _as_tensor(array: object) -> Tensor:
    return torch.as_tensor(array, dtype=torch.float32)
