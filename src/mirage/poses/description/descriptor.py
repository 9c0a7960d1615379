"""Which parts are visible, and where: a photo as one vector.

Two photos are in the same pose when the same parts are visible at the same locations. The square
root of part mass pooled on a coarse grid makes Euclidean distance the Hellinger distance of the
two layouts, so that k-means applies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mirage.core.contracts import FloatArray, check_shape
from mirage.parts.codebook import PartCodebook, fit_pca
from mirage.parts.foreground import Foreground

_BOX_MARGIN = 1.15  # side of the layout's box over that of an evenly filled object
_WHITENING = 0.35  # directions are divided by their standard deviation to twice this power


@dataclass(frozen=True)
class LayoutEncoder:
    """Patch features → descriptor.

    Attributes:
        codebook: patches to parts.
        foreground: patches to masks.
        weights: [P] in [0, 1], how much of the object every part is.
        grid: the layout is pooled on grid × grid cells.
        mean: [grid² P] of the layouts.
        basis: [grid² P, D] principal directions of the layouts, scaled.
    """

    codebook: PartCodebook
    foreground: Foreground
    weights: FloatArray
    grid: int
    mean: FloatArray
    basis: FloatArray

    def __post_init__(self) -> None:
        check_shape("weights", self.weights, (self.codebook.num_parts,))
        check_shape("mean", self.mean, (self.grid**2 * self.codebook.num_parts,))
        check_shape("basis", self.basis, (len(self.mean), None))

    def masks(self, features: Tensor) -> Tensor:
        """[B, h, w, C] → [B, h, w] in [0, 1], how surely a patch is the object."""
        return self.foreground(features)

    def places(self, features: Tensor) -> FloatArray:
        """[B, h, w, C] patch features → [B, 3]: where an object's middle is, and its longer side.

        From the left, from the top, and the side: shares of the photo's.
        """
        weights = torch.as_tensor(self.weights, device=features.device)
        mass = (self.codebook.part_maps(features) * weights).sum(dim=-1)
        x, width = _evenly_filled(mass.sum(dim=1))
        y, height = _evenly_filled(mass.sum(dim=2))
        return np.asarray(torch.stack([x, y, torch.maximum(width, height)], dim=1).cpu().numpy())

    def __call__(self, features: Tensor) -> FloatArray:
        """[B, h, w, C] patch features → [B, D] fp32 descriptors."""
        layouts = pool_layout(self.codebook.part_maps(features), self.weights, self.grid)
        descriptors: FloatArray = ((layouts.cpu().numpy() - self.mean) @ self.basis).astype(
            np.float32
        )
        return descriptors


def fit_layout_encoder(
    codebook: PartCodebook,
    foreground: Foreground,
    weights: FloatArray,
    grid: int,
    layouts: FloatArray,
    dims: int,
) -> LayoutEncoder:
    """Fit the reduction of pooled layouts [n, grid² P] to `dims` dimensions.

    Directions are partly whitened: few parts tell front from rear, and they would be drowned by
    the many that tell one body from another. Descriptors have mean squared length 1.
    """
    mean, basis = fit_pca(layouts, dims)
    descriptors = (layouts - mean) @ basis
    basis = basis / (descriptors.std(axis=0) ** (2 * _WHITENING) + 1e-6)
    length = np.sqrt(np.mean((((layouts - mean) @ basis) ** 2).sum(axis=1)))
    basis = (basis / max(length, 1e-12)).astype(np.float32)
    return LayoutEncoder(codebook, foreground, weights, grid, mean, basis)


def pool_layout(part_maps: Tensor, weights: FloatArray, grid: int) -> Tensor:
    """[B, h, w, P] part maps → [B, grid² P]: the square root of object mass by cell and part.

    Cells lie in a box round the object, so that its place and size in the photo do not count, and
    are tents that overlap halfway, so that a small shift moves mass smoothly. Every row has unit
    length (a photo without object mass is zero).
    """
    weighted = part_maps * torch.as_tensor(weights, device=part_maps.device)
    mask = weighted.sum(dim=-1)
    rows, cols = object_tents(mask.sum(dim=2), grid), object_tents(mask.sum(dim=1), grid)
    pooled = torch.einsum("bhwp,bhy,bwx->byxp", weighted, rows, cols).flatten(1)
    share = pooled / pooled.sum(dim=1, keepdim=True).clamp_min(1e-12)
    return share.clamp_min(0).sqrt()


def object_tents(mass: Tensor, num_cells: int) -> Tensor:
    """Weights [B, L, num_cells] of L patches along one side in cells that cover the object.

    The cells span the box that, evenly filled, would have the mean and variance of `mass` [B, L],
    and a margin. Patches beyond it count in the outermost cells; rows sum to 1.
    """
    length = mass.shape[1]
    place = (torch.arange(length, device=mass.device, dtype=mass.dtype) + 0.5) / length
    centre, extent = (value[:, None] for value in _evenly_filled(mass))
    side = (_BOX_MARGIN * extent).clamp_min(1.0 / length)
    cell = ((place - centre) / side + 0.5) * num_cells - 0.5
    centres = torch.arange(num_cells, device=mass.device, dtype=mass.dtype)
    return (1 - (cell.clamp(0, num_cells - 1)[..., None] - centres).abs()).clamp_min(0)


def _evenly_filled(mass: Tensor) -> tuple[Tensor, Tensor]:
    """Centre and extent [B] of what, evenly filled, has the mean and variance of `mass` [B, L].

    Both are shares of the side that the L patches cover.
    """
    length = mass.shape[1]
    place = (torch.arange(length, device=mass.device, dtype=mass.dtype) + 0.5) / length
    share = mass / mass.sum(dim=1, keepdim=True).clamp_min(1e-12)
    centre = (share * place).sum(dim=1)
    spread = (share * (place - centre[:, None]) ** 2).sum(dim=1).sqrt()
    return centre, 12**0.5 * spread
