"""A field of signed distance and colour on a voxel grid."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import distance_transform_edt
from torch import Tensor, nn


class VoxelField(nn.Module):
    """Distance to the surface and colour at every point of a box, trilinear between voxels.

    The distance is negative inside. Colours do not depend on where they are seen from.

    Args:
        distance: [Z, Y, X] at voxel centres, in units of length.
        colour: [3, Z, Y, X] raw values; their logistic function is the colour.
        centre, reach: [3] the middle of the box and half its sides, x y z.
        softness: β, half the thickness of the surface in what is seen of it, in voxels.
    """

    def __init__(
        self, distance: Tensor, colour: Tensor, centre: Tensor, reach: Tensor, softness: float = 1.0
    ) -> None:
        super().__init__()
        self.centre: Tensor
        self.reach: Tensor
        self.register_buffer("centre", centre)
        self.register_buffer("reach", reach)
        self.raw = nn.Parameter(distance[None, None])
        self.colour = nn.Parameter(colour[None])
        self.softness = softness
        self.voxel = float(2.0 * reach[0] / self.size[2])  # its side; read here, once

    @property
    def distance(self) -> Tensor:
        """[1, 1, Z, Y, X]: the fitted values, blurred, so that no voxel goes its own way.

        As Wu et al., "Voxurf", ICLR 2023.
        """
        return blur(self.raw)

    @property
    def size(self) -> tuple[int, int, int]:
        """Voxels along z, y, x."""
        z, y, x = self.raw.shape[2:]
        return z, y, x

    def colour_at(self, points: Tensor) -> Tensor:
        """[N, 3] → [N, 3] in [0, 1]; blurred as the distance is."""
        return self.look_up(blur(self.colour), points).sigmoid()

    def outside(self, distance: Tensor) -> Tensor:
        """log Φ(s): the logarithm of a logistic function that is ½ on the surface, 1 far out."""
        return F.logsigmoid(distance / (self.softness * self.voxel))

    def look_up(self, grid: Tensor, points: Tensor) -> Tensor:
        """[1, C, Z, Y, X] at points [N, 3] → [N, C]; beyond the box, what is at its side."""
        return sample_grid(grid, (points - self.centre) / self.reach)

    def area_and_unevenness(self) -> tuple[Tensor, Tensor]:
        """The surface's area, and how far the distance is from being one.

        The area, in squared units, is the total variation of Φ (coarea formula); where no view
        says anything, the least area closes the object. Unevenness is the mean of (|∇s| − 1)², the
        eikonal equation (Gropp et al., "Implicit Geometric Regularization", ICML 2020).
        """
        distance = self.distance
        area = _variation(self.outside(distance).exp()) * self.voxel**2
        slope = (torch.stack(_differences(distance)).square().sum(dim=0) + 1e-6).sqrt()
        return area, (slope / self.voxel - 1.0).square().mean()

    def speckle(self) -> Tensor:
        """Total variation of colour, a mean over voxels (Rudin, Osher and Fatemi 1992)."""
        return _variation(self.colour.sigmoid()) / self.colour[0, 0].numel()

    @torch.no_grad()
    def refined(self, num_voxels: int) -> VoxelField:
        """The same field on about `num_voxels` voxels."""
        size = grid_size(self.reach, num_voxels)
        distance, colour = (
            F.interpolate(grid, size, mode="trilinear", align_corners=False)[0]
            for grid in (self.raw, self.colour)
        )
        return VoxelField(distance[0], colour, self.centre, self.reach, self.softness)


def blur(grid: Tensor) -> Tensor:
    """[1, C, Z, Y, X] by the binomial kernel ¼ ½ ¼ twice along each axis."""
    channels, kernel = grid.shape[1], _binomial(grid.device, grid.dtype)
    for axis in (2, 3, 4):
        shape = [1, 1, 1, 1, 1]
        shape[axis] = 5
        padding = [0] * 6
        padding[2 * (4 - axis)] = padding[2 * (4 - axis) + 1] = 2
        along = kernel.view(shape).expand(channels, -1, -1, -1, -1)
        grid = F.conv3d(F.pad(grid, padding, mode="replicate"), along, groups=channels)
    return grid


@cache
@torch.inference_mode(False)
def _binomial(device: torch.device, dtype: torch.dtype) -> Tensor:
    """[5], copied to a device once: each copy, a GPU would wait."""
    return torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0], device=device, dtype=dtype).div(16.0)


def signed_distance(inside: Tensor, voxel: float) -> Tensor:
    """[Z, Y, X] bool → distance to the boundary, negative inside."""
    solid = inside.cpu().numpy()
    if not solid.any():
        return torch.full(solid.shape, voxel)
    outward = distance_transform_edt(~solid) - distance_transform_edt(solid)
    distance = (outward - 0.5 * np.sign(outward)) * voxel
    return torch.as_tensor(distance, dtype=torch.float32)


def sample_grid(grid: Tensor, places: Tensor) -> Tensor:
    """[1, C, Z, Y, X] at [N, 3] in [−1, 1] (x, y, z) → [N, C], trilinear."""
    found = F.grid_sample(
        grid, places[None, None, None], mode="bilinear", padding_mode="border", align_corners=False
    )
    return found[0, :, 0, 0].T


def grid_size(reach: Tensor, num_voxels: int) -> tuple[int, int, int]:
    """Voxels along z, y, x of a box, about `num_voxels` cubes in all."""
    side = float(8.0 * reach.prod() / num_voxels) ** (1.0 / 3.0)
    x, y, z = (max(4, round(float(2.0 * length) / side)) for length in reach)
    return z, y, x


def grid_points(size: tuple[int, int, int], centre: Tensor, reach: Tensor) -> Tensor:
    """[Z·Y·X, 3] centres of a box's voxels, x y z."""
    axes = [(torch.arange(n) + 0.5) / n * 2.0 - 1.0 for n in size]
    z, y, x = torch.meshgrid(*axes, indexing="ij")
    return torch.stack([x, y, z], dim=-1).view(-1, 3) * reach + centre


def _differences(grid: Tensor) -> list[Tensor]:
    """Forward differences along the last three axes, where there are all three."""
    inner = grid[..., :-1, :-1, :-1]
    return [
        grid[..., 1:, :-1, :-1] - inner,
        grid[..., :-1, 1:, :-1] - inner,
        grid[..., :-1, :-1, 1:] - inner,
    ]


def _variation(grid: Tensor) -> Tensor:
    return (torch.stack(_differences(grid)).square().sum(dim=0) + 1e-8).sqrt().sum()
