"""K-means by FAISS: fit and assign. The only import of faiss."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import faiss
import numpy as np

from mirage.contracts import FloatArray, IntArray
from mirage.errors import MirageError


@dataclass(frozen=True)
class Clusters:
    """The outcome of one fit.

    Attributes:
        centroids: [K, D] fp32; of unit length when spherical.
        objective: sum over the points of the squared distance to their centroid (spherical: of
            the cosine).
    """

    centroids: FloatArray
    objective: float


@contextmanager
def _threads(num_threads: int | None) -> Iterator[None]:
    before = faiss.omp_get_max_threads()
    if num_threads is not None:
        faiss.omp_set_num_threads(num_threads)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _rows(points: FloatArray) -> FloatArray:
    rows: FloatArray = np.ascontiguousarray(points, dtype=np.float32)
    if rows.ndim != 2:
        raise ValueError(f"points have shape {rows.shape}, expected [N, D]")
    return rows


def normalize_rows(points: FloatArray) -> FloatArray:
    """Every row of [N, D] scaled to unit Euclidean length; zero rows stay zero."""
    norm = np.linalg.norm(points, axis=1, keepdims=True)
    scaled: FloatArray = (points / np.maximum(norm, 1e-12)).astype(np.float32)
    return scaled


def fit(
    points: FloatArray,
    num_clusters: int,
    *,
    seed: int = 0,
    restarts: int = 1,
    iterations: int = 25,
    spherical: bool = False,
    max_points: int | None = None,
    num_threads: int | None = None,
) -> Clusters:
    """Lloyd's k-means; the same seed gives the same centroids, whatever the number of threads.

    Args:
        points: [N, D]; of unit length when `spherical`.
        num_clusters: K.
        restarts: fits from different starts; the best objective wins.
        spherical: maximise the cosine instead of minimising the squared distance.
        max_points: train on a seeded subsample of this many points; None takes every point
            (FAISS alone would silently keep 256 a centroid).
        num_threads: None leaves FAISS's own choice.

    Raises:
        MirageError: there are fewer points than clusters, or a point is not finite.
    """
    rows = _rows(points)
    if len(rows) < num_clusters:
        raise MirageError(
            f"{len(rows)} points cannot form {num_clusters} clusters",
            where="k-means",
            todo="give more images, or ask for fewer clusters",
        )
    if not np.isfinite(rows).all():
        raise MirageError("some points are not finite", where="k-means")
    if max_points is not None and len(rows) > max_points:
        chosen = np.random.default_rng(seed).choice(len(rows), max_points, replace=False)
        rows = rows[np.sort(chosen)]
    with _threads(num_threads):
        kmeans = faiss.Kmeans(
            rows.shape[1],
            num_clusters,
            niter=iterations,
            nredo=restarts,
            seed=seed,
            spherical=spherical,
            min_points_per_centroid=1,
            max_points_per_centroid=-(-len(rows) // num_clusters),
        )
        kmeans.train(rows)
    # FAISS stops a restart early once it has converged, so its log does not say which value is
    # whose: one more assignment gives the objective of the centroids that won.
    _, values = nearest(
        rows, np.asarray(kmeans.centroids), spherical=spherical, num_threads=num_threads
    )
    objective = values.sum(dtype=np.float64)
    return Clusters(np.array(kmeans.centroids), float(objective))


def nearest(
    points: FloatArray,
    centroids: FloatArray,
    *,
    num_nearest: int = 1,
    spherical: bool = False,
    num_threads: int | None = None,
) -> tuple[IntArray, FloatArray]:
    """The nearest centroids of every point.

    Returns:
        ids [N, num_nearest] int64, nearest first, and their squared distances (spherical: inner
        products) [N, num_nearest] fp32.
    """
    rows, centres = _rows(points), _rows(centroids)
    metric = faiss.METRIC_INNER_PRODUCT if spherical else faiss.METRIC_L2
    with _threads(num_threads):
        values, ids = faiss.knn(rows, centres, num_nearest, metric=metric)
    return ids, values


def assign(
    points: FloatArray, centroids: FloatArray, *, spherical: bool = False
) -> tuple[IntArray, FloatArray]:
    """The nearest centroid of every point: ids [N] and squared distance (or cosine) [N]."""
    ids, values = nearest(points, centroids, spherical=spherical)
    return ids[:, 0], values[:, 0]
