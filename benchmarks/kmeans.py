"""Time mirage.features.kmeans.fit against scikit-learn's Lloyd and FAISS on all points.

All start from the same points, run at most the same number of iterations on the same threads and
must end at the same inertia. `python benchmarks/kmeans.py --help` lists the options.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings

# A thread that waits must not burn a processor another one needs: FAISS loses most by it when the
# machine has other work. OpenMP reads this when it is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import faiss
import numpy as np
import torch
from paired import print_table, print_versions, take_turns
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from mirage.features import kmeans

TOLERANCE = 1e-4  # of the inertia
OURS = "mirage.features.kmeans.fit"


def make_points(num_points: int, dim: int) -> np.ndarray:
    """[N, D] fp32 of unit length: blobs of very unequal size that overlap, as patch features do."""
    random = np.random.default_rng(0)
    centres = random.standard_normal((1000, dim)).astype(np.float32)
    share = random.pareto(1.5, len(centres))
    blob = random.choice(len(centres), num_points, p=share / share.sum())
    noise = random.standard_normal((num_points, dim), dtype=np.float32)
    return kmeans.normalize_rows(centres[blob] + 0.8 * noise)


def inertia(points: np.ndarray, centroids: np.ndarray, spherical: bool) -> float:
    """Sum of squared distances (spherical: of 1 − cosine) to the nearest centroid, for anyone."""
    total = 0.0
    for start in range(0, len(points), 4096):
        rows = points[start : start + 4096].astype(np.float64)
        products = rows @ centroids.T.astype(np.float64)
        if spherical:
            total += (1.0 - products.max(axis=1)).sum()
        else:
            bias = 0.5 * (centroids.astype(np.float64) ** 2).sum(axis=1)
            total += ((rows**2).sum(axis=1) - 2.0 * (products - bias).max(axis=1)).sum()
    return float(total)


def compare(points: np.ndarray, spherical: bool, args: argparse.Namespace) -> bool:
    """Gate and timings of one kind of k-means; whether all inertias agree."""
    order = np.empty(len(points), np.int32)
    faiss.rand_perm(faiss.swig_ptr(order), len(order), args.seed + 1)  # type: ignore[attr-defined]
    start = points[order[: args.clusters]]  # where FAISS starts from this seed, and so do we

    def ours() -> np.ndarray:
        return kmeans.fit(
            points,
            args.clusters,
            seed=args.seed,
            iterations=args.iterations,
            spherical=spherical,
            num_threads=args.threads,
            device=torch.device("cpu"),
        ).centroids

    def on_faiss() -> np.ndarray:
        peer = faiss.Kmeans(
            points.shape[1],
            args.clusters,
            niter=args.iterations,
            seed=args.seed,
            spherical=spherical,
            max_points_per_centroid=len(points),
        )
        peer.train(points)
        return np.asarray(peer.centroids)

    def on_sklearn() -> np.ndarray:
        peer = KMeans(
            args.clusters, init=start, n_init=1, max_iter=args.iterations, algorithm="lloyd"
        )
        with threadpool_limits(args.threads):
            return peer.fit(points).cluster_centers_

    contenders = {OURS: ours, "FAISS Kmeans, all points": on_faiss}
    if not spherical:  # scikit-learn has no spherical k-means
        contenders["scikit-learn Lloyd, same start"] = on_sklearn
    seconds, centroids = take_turns(contenders, args.rounds)
    values = {name: inertia(points, found, spherical) for name, found in centroids.items()}
    best = min(values.values())
    notes = {
        name: f"inertia {value:.2f} (+{value / best - 1:.1e})" for name, value in values.items()
    }
    print_table("spherical" if spherical else "Euclidean", seconds, OURS, notes)
    return values[OURS] <= best * (1 + TOLERANCE)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--points", help="a .npy file of points [N, D]; none makes a mixture")
    parser.add_argument("--num-points", type=int, default=400_000)
    parser.add_argument("--dim", type=int, default=64, help="of the mixture")
    parser.add_argument("--clusters", type=int, default=256)
    parser.add_argument("--iterations", type=int, default=25)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    torch.set_num_threads(args.threads)
    faiss.omp_set_num_threads(args.threads)
    if args.points:
        points = np.load(args.points)
        random = np.random.default_rng(0)
        chosen = random.permutation(len(points))[: args.num_points]
        points = np.ascontiguousarray(points[chosen], dtype=np.float32)
    else:
        points = make_points(args.num_points, args.dim)
    print(f"{len(points)} points × {points.shape[1]}, {args.clusters} clusters, ", end="")
    print(f"at most {args.iterations} iterations, {args.points or 'mixture'}")
    print_versions(["faiss-cpu", "scikit-learn", "torch", "numpy"], args.threads, args.rounds)
    equal = [compare(points, spherical, args) for spherical in (False, True)]
    if not all(equal):
        print(f"\nGATE FAILED: our inertia is more than {TOLERANCE:g} above the best")
    return 0 if all(equal) else 1


if __name__ == "__main__":
    sys.exit(main())
