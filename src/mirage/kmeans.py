"""K-means: Lloyd's iterations on all processors or on the GPU. The only import of faiss."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import faiss
import numpy as np
import torch
from faiss.contrib.clustering import reassign_centroids
from torch import Tensor

from mirage.contracts import FloatArray, IntArray
from mirage.device import device as own_device
from mirage.errors import MirageError
from mirage.threads import compute_pool

# Rows assigned at once: their products with a few hundred centroids stay in a core's cache.
_BLOCK = 512
# Rows of one task. Both are constants, so that sums are added in one order whatever the number
# of threads.
_SPAN = 8 * _BLOCK
_GPU_BLOCK = 65536  # rows that a GPU assigns at once, which bounds memory
# How a FAISS fit spreads its restarts over the seeds.
_RESTART_SEEDS = 15486557

# Centroids [K, D] → the nearest of every point [N], and the sum of every centroid's points [K, D].
_Assigner = Callable[[FloatArray], tuple[IntArray, FloatArray]]


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
        device: None takes `mirage.device.device`, this process's GPU where there is one.

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
    rows: FloatArray,
    start: FloatArray,
    iterations: int,
    spherical: bool,
    assign_rows: _Assigner,
) -> Clusters:
    random = np.random.RandomState(1234)  # of FAISS, for the splits
    centroids = normalize_rows(start) if spherical else start
    ids, sums = assign_rows(centroids)
    for _ in range(iterations):
        counts = np.bincount(ids, minlength=len(centroids))
        centroids = (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)
        reassign_centroids(counts, centroids, random)  # a cluster left empty takes half of another
        if spherical:
            centroids = normalize_rows(centroids)
        before = ids
        ids, sums = assign_rows(centroids)
        if np.array_equal(ids, before):
            break
    return Clusters(centroids, _objective(rows, centroids, ids, spherical))


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
    if device.type == "cpu":
        with compute_pool(num_threads) as pool:
            yield partial(_assign_on_cpu, rows, spherical, pool)
        return
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")  # TF32 would move points between clusters
    try:
        yield partial(_assign_on_gpu, torch.from_numpy(rows).to(device), spherical)
    finally:
        torch.set_float32_matmul_precision(precision)


def _assign_on_cpu(
    rows: FloatArray, spherical: bool, pool: ThreadPoolExecutor, centroids: FloatArray
) -> tuple[IntArray, FloatArray]:
    points, centres = torch.from_numpy(rows), torch.from_numpy(centroids)
    bias, columns = _scoring(centres, spherical)
    ids = np.empty(len(rows), np.int64)

    def assign_span(span: slice) -> FloatArray:
        products = torch.empty(_BLOCK, len(centres))
        for block in _cut(span, _BLOCK):
            scores = products[: block.stop - block.start]
            torch.addmm(bias, points[block], columns, out=scores)
            scores.numpy().argmax(axis=1, out=ids[block])  # several times faster than torch's
        return _sums(rows[span], ids[span], len(centroids))

    return ids, _total(pool.map(assign_span, _cut(slice(0, len(rows)), _SPAN)))


def _assign_on_gpu(
    points: Tensor, spherical: bool, centroids: FloatArray
) -> tuple[IntArray, FloatArray]:
    centres = torch.from_numpy(centroids).to(points.device)
    bias, columns = _scoring(centres, spherical)
    sums = torch.zeros(centres.shape, dtype=torch.float64, device=points.device)
    number, found = torch.arange(len(centres), device=points.device), []
    for block in points.split(_GPU_BLOCK):
        ids = torch.addmm(bias, block, columns).argmax(dim=1)
        # A product, for index_add_ would add in another order every time.
        sums += (ids == number[:, None]).to(block.dtype) @ block
        found.append(ids)
    return torch.cat(found).cpu().numpy(), sums.cpu().numpy()


def _scoring(centres: Tensor, spherical: bool) -> tuple[Tensor, Tensor]:
    """A bias [K] and columns [D, K]: bias + x · columns is largest for the nearest of `centres`.

    It is x·c − |c|²/2, as |x|² is the same for all of them.
    """
    bias = centres.new_zeros(len(centres)) if spherical else -0.5 * centres.square().sum(dim=1)
    return bias, centres.T.contiguous()


def _sums(rows: FloatArray, ids: IntArray, num_clusters: int) -> FloatArray:
    sums = torch.zeros(num_clusters, rows.shape[1])
    return sums.index_add_(0, torch.from_numpy(ids), torch.from_numpy(rows)).numpy()


def _total(parts: Iterable[FloatArray]) -> FloatArray:
    parts = iter(parts)
    total = next(parts).astype(np.float64)
    for part in parts:
        total += part
    return total


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
