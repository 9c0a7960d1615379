"""K-means: Lloyd's iterations on all processors or on the GPU. The only import of faiss."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import faiss
import numpy as np
import torch
import torch.nn.functional as F
from faiss.contrib.clustering import reassign_centroids
from torch import Tensor

from mirage.core.contracts import FloatArray, IntArray
from mirage.core.errors import MirageError
from mirage.distributed.device import device as own_device
from mirage.distributed.threads import compute_pool

# Rows assigned at once: their products with a few hundred centroids stay in a core's cache.
_BLOCK = 512
# Rows of one task. Both are constants, so that sums are added in one order whatever the number
# of threads.
_SPAN = 8 * _BLOCK
_GPU_BLOCK = 65536  # rows that a GPU assigns at once, which bounds memory
# How a FAISS fit spreads its restarts over the seeds.
_RESTART_SEEDS = 15486557


@dataclass(frozen=True)
class _Assigned:
    """The nearest centroid of every point [N], and the sum of every centroid's points [K, D]."""

    ids: IntArray
    sums: FloatArray


# Centroids [K, D], and what was assigned to them before they moved, if they were there.
_Assigner = Callable[[FloatArray, _Assigned | None], _Assigned]


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
    device: torch.device | None = None,
) -> Clusters:
    """Lloyd's k-means; the same seed gives the same centroids, whatever the number of threads.

    Start and iterations are those of `faiss.Kmeans`, and so are the centroids, to rounding. On
    a CPU assignment is faster (benchmarks/kmeans.py), and a fit whose labels no longer change ends.

    Args:
        points: [N, D]; of unit length when `spherical`.
        num_clusters: K.
        restarts: fits from different starts; the best objective wins.
        iterations: at most so many a restart.
        spherical: maximise the cosine instead of minimising the squared distance.
        max_points: train on a seeded subsample of this many points; None takes every point
            (FAISS alone would silently keep 256 a centroid).
        num_threads: None takes torch's number.
        device: None takes `mirage.distributed.device.device`: this process’s GPU, if any.

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
    with _assigner(rows, spherical, num_threads, device or own_device()) as assign_rows:
        fits = [
            _lloyd(rows, start, iterations, spherical, assign_rows)
            for start in _starts(rows, num_clusters, seed, restarts)
        ]
    return (max if spherical else min)(fits, key=lambda clusters: clusters.objective)


def _starts(rows: FloatArray, num_clusters: int, seed: int, restarts: int) -> Iterator[FloatArray]:
    """The points that FAISS would start from."""
    order = np.empty(len(rows), np.int32)
    for restart in range(restarts):
        restart_seed = seed + 1 + restart * _RESTART_SEEDS
        faiss.rand_perm(faiss.swig_ptr(order), len(order), restart_seed)  # type: ignore[attr-defined]
        yield rows[order[:num_clusters]]


def _lloyd(
    rows: FloatArray, start: FloatArray, iterations: int, spherical: bool, assign_rows: _Assigner
) -> Clusters:
    random = np.random.RandomState(1234)  # of FAISS, for the splits
    centroids = normalize_rows(start) if spherical else start
    found = assign_rows(centroids, None)
    for _ in range(iterations):
        counts = np.bincount(found.ids, minlength=len(centroids))
        centroids = (found.sums / np.maximum(counts, 1)[:, None]).astype(np.float32)
        reassign_centroids(counts, centroids, random)  # a cluster left empty takes half of another
        if spherical:
            centroids = normalize_rows(centroids)
        before, found = found, assign_rows(centroids, found)
        if np.array_equal(found.ids, before.ids):
            break
    return Clusters(centroids, _objective(rows, centroids, found.ids, spherical))


def _objective(rows: FloatArray, centroids: FloatArray, ids: IntArray, spherical: bool) -> float:
    total = 0.0
    for span in _cut(slice(0, len(rows)), _SPAN):
        points, own = rows[span], centroids[ids[span]]
        values = points * own if spherical else (points - own) ** 2
        total += float(values.sum(dtype=np.float64))
    return total


def _cut(span: slice, size: int) -> list[slice]:
    """`span` in pieces of `size`; the last may be shorter."""
    starts = range(span.start, span.stop, size)
    return [slice(start, min(start + size, span.stop)) for start in starts]


@contextmanager
def _assigner(
    rows: FloatArray, spherical: bool, num_threads: int | None, device: torch.device
) -> Iterator[_Assigner]:
    """What assigns `rows`, over and over, to centroids that move."""
    points = _scored(rows, spherical)
    if device.type == "cpu":
        with compute_pool(num_threads) as pool:
            yield partial(_assign_on_cpu, rows, points, pool)
        return
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")  # TF32 would move points between clusters
    try:
        yield partial(_assign_on_gpu, points.to(device))
    finally:
        torch.set_float32_matmul_precision(precision)


def _scored(rows: FloatArray, spherical: bool) -> Tensor:
    """[N, D] or, where each centroid has a bias, [N, D + 1] with a column of ones for it."""
    points = torch.from_numpy(rows)
    return points if spherical else F.pad(points, (0, 1), value=1.0)


def _scoring(centres: Tensor, width: int) -> Tensor:
    """What points [N, `width`] are multiplied with; the nearest centroid's product is largest.

    It is x·c, less |c|²/2 where points have a column for it: |x|² is the same for all centroids.
    """
    if width > centres.shape[1]:
        centres = torch.cat([centres, -0.5 * centres.square().sum(dim=1, keepdim=True)], dim=1)
    return centres.T.contiguous()


def _assign_on_cpu(
    rows: FloatArray,
    points: Tensor,
    pool: ThreadPoolExecutor,
    centroids: FloatArray,
    before: _Assigned | None,
) -> _Assigned:
    """Adds up points anew only where they have left one centroid for another."""
    columns = _scoring(torch.from_numpy(centroids), points.shape[1])
    ids = np.empty(len(rows), np.int64)

    def assign_span(span: slice) -> FloatArray:
        products = torch.empty(_BLOCK, len(centroids))
        scores = products.numpy()
        for block in _cut(span, _BLOCK):
            size = block.stop - block.start
            torch.mm(points[block], columns, out=products[:size])
            scores[:size].argmax(axis=1, out=ids[block])  # several times faster than torch's
        if before is None:
            return _add_up(rows[span], ids[span], np.zeros(centroids.shape, np.float32))
        moved = span.start + np.flatnonzero(ids[span] != before.ids[span])
        added = _add_up(rows[moved], ids[moved], np.zeros(centroids.shape, np.float32))
        return _add_up(-rows[moved], before.ids[moved], added)

    changes = pool.map(assign_span, _cut(slice(0, len(rows)), _SPAN))
    sums = np.zeros(centroids.shape) if before is None else before.sums.copy()
    for change in changes:  # in order, whoever was quicker
        sums += change
    return _Assigned(ids, sums)


def _add_up(rows: FloatArray, ids: IntArray, sums: FloatArray) -> FloatArray:
    """`sums` [K, D] with every row added to that of its centroid, in place."""
    torch.from_numpy(sums).index_add_(0, torch.from_numpy(ids), torch.from_numpy(rows))
    return sums


def _assign_on_gpu(points: Tensor, centroids: FloatArray, _: _Assigned | None) -> _Assigned:
    centres = torch.from_numpy(centroids).to(points.device)
    columns = _scoring(centres, points.shape[1])
    sums = torch.zeros(centres.shape, dtype=torch.float64, device=points.device)
    number, found = torch.arange(len(centres), device=points.device), []
    for block in points.split(_GPU_BLOCK):
        ids = (block @ columns).argmax(dim=1)
        # A product, for index_add_ would add in another order every time.
        sums += (ids == number[:, None]).to(block.dtype) @ block[:, : centres.shape[1]]
        found.append(ids)
    return _Assigned(torch.cat(found).cpu().numpy(), sums.cpu().numpy())


def nearest(
    points: FloatArray,
    centroids: FloatArray,
    *,
    num_nearest: int = 1,
    spherical: bool = False,
    num_threads: int | None = None,
) -> tuple[IntArray, FloatArray]:
    """The nearest centroids of every point, by FAISS on the CPU.

    Batches are small and on the host: to a GPU the way would be longer than the work.

    Args:
        num_threads: None takes torch's number.

    Returns:
        ids [N, num_nearest] int64, nearest first, and their squared distances (spherical: inner
        products) [N, num_nearest] fp32.
    """
    rows, centres = _rows(points), _rows(centroids)
    index = (faiss.IndexFlatIP if spherical else faiss.IndexFlatL2)(centres.shape[1])
    index.add(centres)
    with _faiss_threads(num_threads or torch.get_num_threads()):
        values, ids = index.search(rows, num_nearest)
    return ids, values


@contextmanager
def _faiss_threads(num_threads: int) -> Iterator[None]:
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(num_threads)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def assign(
    points: FloatArray, centroids: FloatArray, *, spherical: bool = False
) -> tuple[IntArray, FloatArray]:
    """The nearest centroid of every point: ids [N] and squared distance (or cosine) [N]."""
    ids, values = nearest(points, centroids, spherical=spherical)
    return ids[:, 0], values[:, 0]
