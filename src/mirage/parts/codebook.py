"""Patch features to parts: PCA, then spherical k-means; a soft part map for every photo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse.linalg import eigsh
from torch import Tensor

from mirage.config import PartsConfig
from mirage.core.contracts import FloatArray, check_shape
from mirage.core.errors import MirageError
from mirage.features import kmeans


@dataclass(frozen=True)
class PartCodebook:
    """P parts in a space of d principal components.

    Attributes:
        mean: [C] of the patch features.
        basis: [C, d] principal directions.
        centroids: [P, d] of unit length.
        temperature: of the softmax over cosines.
    """

    mean: FloatArray
    basis: FloatArray
    centroids: FloatArray
    temperature: float

    def __post_init__(self) -> None:
        check_shape("basis", self.basis, (len(self.mean), self.centroids.shape[1]))

    @property
    def num_parts(self) -> int:
        return len(self.centroids)

    def part_maps(self, features: Tensor) -> Tensor:
        """[B, h, w, C] patch features → [B, h, w, P] shares of every part, summing to 1."""
        mean, basis, centroids = (
            torch.as_tensor(array, device=features.device, dtype=torch.float32)
            for array in (self.mean, self.basis, self.centroids)
        )
        reduced = F.normalize((features.float() - mean) @ basis, dim=-1)
        return torch.softmax(reduced @ centroids.T / self.temperature, dim=-1)


def fit_pca(points: FloatArray, dims: int) -> tuple[FloatArray, FloatArray]:
    """The mean [C] and the leading principal directions [C, d] of [N, C]; d ≤ min(dims, C, N)."""
    mean = points.mean(axis=0, dtype=np.float64).astype(np.float32)
    centred = points.astype(np.float32) - mean
    covariance = (centred.T @ centred).astype(np.float64)
    num = min(dims, *points.shape)
    if 4 * num < len(covariance):  # few of many: Lanczos, many times faster than all of them
        start = np.random.default_rng(0).standard_normal(len(covariance))
        values, vectors = eigsh(covariance, k=num, which="LA", v0=start)
    else:
        values, vectors = np.linalg.eigh(covariance)
    basis = vectors[:, np.argsort(values)[::-1][:num]]
    # An eigenvector's sign is arbitrary: pin it, so that a seed gives one codebook everywhere.
    basis = basis * np.sign(basis[np.abs(basis).argmax(axis=0), np.arange(num)])
    return mean, basis.astype(np.float32)


def fit_codebook(patches: FloatArray, config: PartsConfig) -> PartCodebook:
    """Fit PCA and parts to a sample of patches.

    Args:
        patches: [N, C] patch features of unit length; more than `config.sample` are subsampled.

    Raises:
        MirageError: there are fewer patches than parts.
    """
    if len(patches) > config.sample:
        random = np.random.default_rng(config.seed)
        patches = patches[np.sort(random.choice(len(patches), config.sample, replace=False))]
    if len(patches) < config.count:
        raise MirageError(
            f"{config.count} parts cannot be told apart in the {len(patches)} patches seen",
            where="configuration key parts.count",
            todo="add photos, or ask for fewer parts",
        )
    mean, basis = fit_pca(patches, config.dims)
    reduced = kmeans.normalize_rows((patches.astype(np.float32) - mean) @ basis)
    clusters = kmeans.fit(reduced, config.count, seed=config.seed, spherical=True)
    return PartCodebook(mean, basis, clusters.centroids, config.temperature)
