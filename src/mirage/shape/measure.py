"""How near a shape is to the true one, after the one alignment that views leave free."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.spatial import cKDTree
from skimage.measure import marching_cubes
from torch import Tensor

from mirage.core.contracts import FloatArray
from mirage.core.errors import require_items
from mirage.shape.field import grid_points, sample_grid

BoolArray = npt.NDArray[np.bool_]

_STARTS = 24  # turns that an alignment is tried from
_KEPT = 3  # of them, the best, that are refined
_STEPS = 60


@dataclass(frozen=True)
class Solid:
    """What is inside, on a grid of cubes round the origin.

    Attributes:
        inside: [Z, Y, X] bool, y up. reach: half the grid's sides along x, y, z.
    """

    inside: BoolArray
    reach: tuple[float, float, float]

    @property
    def points(self) -> Tensor:
        """[Z·Y·X, 3] the middles of the cubes, x y z."""
        z, y, x = self.inside.shape
        return grid_points((z, y, x), torch.zeros(3), torch.tensor(self.reach))


@dataclass(frozen=True)
class Likeness:
    """How a shape compares with the true one.

    Attributes:
        iou: of what is inside, in [0, 1]. chamfer: mean distance from either surface to the other,
            summed and halved, over the true shape's longest side.
        turn: degrees counter-clockwise from above, scale: by which the shape was brought to the
            true one. shift: [3] after that.
    """

    iou: float
    chamfer: float
    turn: float
    scale: float
    shift: tuple[float, float, float]


def compare(found: Solid, true: Solid) -> Likeness:
    """Align `found` with `true` by a turn about the upright axis, a scale and a shift; compare.

    Views from an orbit of unknown zero tell a shape up to these; mirroring and tilting are errors.

    Raises:
        MirageError: either is empty.
    """
    require_items(min(int(found.inside.sum()), int(true.inside.sum())), "shapes")
    points, solid = _thinned(true)
    start = _moments(found), _moments(true)
    turns = np.arange(_STARTS) * (2.0 * np.pi / _STARTS)
    tried = [_Alignment(float(turn), *start) for turn in turns]
    tried.sort(key=lambda a: -_overlap(a(points), found, solid).item())
    for alignment in tried[:_KEPT]:
        optimizer = torch.optim.Adam(alignment.parameters(), lr=0.01)
        for _ in range(_STEPS):
            loss = -_overlap(alignment(points), found, solid)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        best = max(tried[:_KEPT], key=lambda a: float(_overlap(a(points), found, solid)))
        carried = (_look_up(found, best(true.points)) > 0.5).numpy().reshape(true.inside.shape)
    iou = (carried & true.inside).sum() / (carried | true.inside).sum()
    shift = best.shift.detach().numpy()
    return Likeness(
        float(iou),
        _chamfer(carried, true.inside),
        float(np.rad2deg(best.turn.item()) % 360.0),
        best.log_scale.exp().item(),
        (float(shift[0]), float(shift[1]), float(shift[2])),
    )


def outline(solid: Solid, azimuths: int = 24) -> Solid:
    """What silhouettes from the horizon up to the zenith allow, seen from far away.

    Hollows that no such view looks through, as between the wheels under a car, are filled: no
    views can tell of them.
    """
    points = solid.points.numpy()
    voxel = 2.0 * solid.reach[0] / solid.inside.shape[2]
    held = np.arange(len(points))
    inner = points[solid.inside.ravel()]
    for elevation in np.deg2rad([0.0, 15.0, 30.0, 50.0, 70.0, 89.0]):
        for turn in np.arange(azimuths) * (2.0 * np.pi / azimuths):
            across = np.array([np.cos(turn), 0.0, -np.sin(turn)])
            away = np.array([np.sin(turn), 0.0, np.cos(turn)])
            up = np.cos(elevation) * np.array([0.0, 1.0, 0.0]) - np.sin(elevation) * away
            axes = np.stack([across, up], axis=1) / (1.5 * voxel)
            size = int(2 * np.abs(points @ axes).max()) + 4
            places = np.floor(points[held] @ axes).astype(int) + size // 2
            shadow = np.zeros((size, size), bool)
            shadow[tuple((np.floor(inner @ axes).astype(int) + size // 2).T)] = True
            held = held[shadow[tuple(places.T)]]
    filled = np.zeros(len(points), bool)
    filled[held] = True
    return Solid(filled.reshape(solid.inside.shape), solid.reach)


def psnr(first: FloatArray, second: FloatArray) -> float:
    """Peak signal to noise, dB, of pictures with values in [0, 1]."""
    return float(-10.0 * np.log10(max(float(np.square(first - second).mean()), 1e-10)))


class _Alignment(torch.nn.Module):
    """True points → where the found shape has them."""

    def __init__(
        self, turn: float, found: tuple[Tensor, float], true: tuple[Tensor, float]
    ) -> None:
        super().__init__()
        self.pivot = found[0]
        self.turn = torch.nn.Parameter(torch.tensor(turn))
        self.log_scale = torch.nn.Parameter(torch.tensor(float(np.log(true[1] / found[1]))))
        self.shift = torch.nn.Parameter(true[0].clone())

    def forward(self, points: Tensor) -> Tensor:
        x, y, z = ((points - self.shift) / self.log_scale.exp()).T
        c, s = self.turn.cos(), self.turn.sin()
        return torch.stack([c * x - s * z, y, s * x + c * z], dim=1) + self.pivot


def _thinned(solid: Solid) -> tuple[Tensor, Tensor]:
    """Every second cube along each axis [N, 3], and what is inside [N]: enough to align by."""
    points = solid.points.view(*solid.inside.shape, 3)[::2, ::2, ::2].reshape(-1, 3)
    return points, torch.from_numpy(solid.inside[::2, ::2, ::2].copy()).float().flatten()


def _moments(solid: Solid) -> tuple[Tensor, float]:
    """The middle [3], and the root mean square distance from it."""
    inner = solid.points[torch.from_numpy(solid.inside).flatten()]
    middle = inner.mean(dim=0)
    return middle, float((inner - middle).square().sum(dim=1).mean().sqrt())


def _look_up(solid: Solid, points: Tensor) -> Tensor:
    places = points / torch.tensor(solid.reach)
    grid = torch.from_numpy(solid.inside).float()[None, None]
    return sample_grid(grid, places)[:, 0] * (places.abs() <= 1.0).all(dim=1)


def _overlap(places: Tensor, found: Solid, solid: Tensor) -> Tensor:
    """Intersection over union of soft occupancies."""
    carried = _look_up(found, places)
    return torch.minimum(carried, solid).sum() / torch.maximum(carried, solid).sum()


def _chamfer(first: BoolArray, second: BoolArray) -> float:
    surfaces = [_surface(first), _surface(second)]
    trees = [cKDTree(surface) for surface in surfaces]
    there, back = trees[1].query(surfaces[0])[0].mean(), trees[0].query(surfaces[1])[0].mean()
    extent = np.argwhere(second)
    return float((there + back) / 2.0 / (np.ptp(extent, axis=0) + 1).max())


def _surface(inside: BoolArray) -> FloatArray:
    """[N, 3] points on the boundary, in voxels."""
    padded = np.pad(inside, 1).astype(np.float32)
    return np.asarray(marching_cubes(padded, 0.5)[0])
