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

from mirage.contracts import FloatArray, check_shape
from mirage.parts.codebook import PartCodebook, fit_pca


@dataclass(frozen=True)
class LayoutEncoder:
    """Patch features → descriptor.

    Attributes:
        codebook: patches to parts.
        weights: [P] in [0, 1], how much of the object every part is.
        grid: the layout is pooled on grid × grid cells.
        mean: [grid² P] of the layouts.
        basis: [grid² P, D] principal directions of the layouts.
    """

    codebook: PartCodebook
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
        maps = self.codebook.part_maps(features)
        return maps @ torch.as_tensor(self.weights, device=maps.device)

    def __call__(self, features: Tensor) -> FloatArray:
        """[B, h, w, C] patch features → [B, D] fp32 descriptors."""
        layouts = pool_layout(self.codebook.part_maps(features), self.weights, self.grid)
        descriptors: FloatArray = ((layouts.cpu().numpy() - self.mean) @ self.basis).astype(
            np.float32
        )
        return descriptors


def fit_layout_encoder(
    codebook: PartCodebook, weights: FloatArray, grid: int, layouts: FloatArray, dims: int
) -> LayoutEncoder:
    """Fit the reduction to `dims` dimensions to pooled layouts [n, grid² P]."""
    mean, basis = fit_pca(layouts, dims)
    return LayoutEncoder(codebook, weights, grid, mean, basis)


def pool_layout(part_maps: Tensor, weights: FloatArray, grid: int) -> Tensor:
    """[B, h, w, P] part maps → [B, grid² P]: the square root of object mass by cell and part.

    Cells are tents that overlap halfway, so that a small shift moves mass smoothly. Every row has
    unit length (a photo without object mass is zero).
    """
    weighted = part_maps * torch.as_tensor(weights, device=part_maps.device)
    rows = torch.as_tensor(tents(part_maps.shape[1], grid), device=part_maps.device)
    cols = torch.as_tensor(tents(part_maps.shape[2], grid), device=part_maps.device)
    pooled = torch.einsum("bhwp,hy,wx->byxp", weighted, rows, cols).flatten(1)
    share = pooled / pooled.sum(dim=1, keepdim=True).clamp_min(1e-12)
    return share.clamp_min(0).sqrt()


def with_mirror_images(layouts: FloatArray, grid: int) -> FloatArray:
    """[n, grid² P] → [2n, grid² P]: the layouts and their left-right mirror images.

    A mirrored layout is not quite the layout of the mirrored photo, whose patches may fall to
    other parts, but near enough for a reduction that must not prefer one side.
    """
    cells = layouts.reshape(len(layouts), grid, grid, -1)
    mirrored: FloatArray = cells[:, :, ::-1].reshape(layouts.shape)
    return np.concatenate([layouts, mirrored])


def tents(length: int, num_cells: int) -> FloatArray:
    """[length, num_cells] weights of `length` patches in overlapping cells; rows sum to 1."""
    patch = (np.arange(length) + 0.5) / length * num_cells - 0.5
    weights = np.maximum(0.0, 1.0 - np.abs(patch[:, None] - np.arange(num_cells)[None, :]))
    scaled: FloatArray = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return scaled
