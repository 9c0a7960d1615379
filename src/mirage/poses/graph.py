"""The neighbour graph of photos, and its spectrum."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import eigsh

from mirage import kmeans
from mirage.contracts import FloatArray


def neighbour_graph(points: FloatArray, num_neighbours: int) -> sparse.csr_matrix:
    """Symmetric affinities [N, N] of every point to its nearest neighbours.

    The kernel's width is local: exp(−d²ᵢⱼ / (sᵢ sⱼ)), s the distance to the middle neighbour
    (Zelnik-Manor and Perona 2004), so that dense and sparse views weigh alike.
    """
    num = len(points)
    num_neighbours = min(num_neighbours, num - 1)
    ids, squared = kmeans.nearest(points, points, num_nearest=num_neighbours + 1)
    ids, squared = ids[:, 1:], np.maximum(squared[:, 1:], 0.0)
    scale = np.sqrt(squared[:, num_neighbours // 2]) + 1e-9
    weight = np.exp(-squared / (scale[:, None] * scale[ids]))
    rows = np.repeat(np.arange(num), num_neighbours)
    directed = sparse.csr_matrix((weight.ravel(), (rows, ids.ravel())), shape=(num, num))
    return ((directed + directed.T) / 2).tocsr()


def leading_eigenvectors(
    graph: sparse.csr_matrix, num_vectors: int, seed: int
) -> tuple[FloatArray, FloatArray]:
    """The largest eigenpairs of D^-1/2 W D^-1/2, with D of |W|: values [M], vectors [N, M]."""
    degree = np.asarray(abs(graph).sum(axis=1)).ravel()
    scale = sparse.diags(1.0 / np.sqrt(np.maximum(degree, 1e-12)))
    normalised = scale @ graph @ scale
    start = np.random.default_rng(seed).standard_normal(graph.shape[0])
    values, vectors = eigsh(normalised, k=num_vectors, which="LA", v0=start, tol=1e-4)
    order = np.argsort(values)[::-1]
    return values[order], scale @ vectors[:, order]
