"""How far one set of pictures is from another, in pooled features: Fréchet and kernel distance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mirage.core.contracts import FloatArray, check_shape
from mirage.core.errors import require_items

_DEGREE = 3  # of the polynomial kernel

# torchmetrics has both, but as modules that see pictures, the Fréchet distance by eigenvalues of a
# covariance [C, C], the kernel distance as a mean over random subsets. Here one set of features is
# measured some twenty times over, less a group of objects each time. Tests hold them against it.


def frechet_distance(found: FloatArray, wanted: FloatArray) -> float:
    """Fréchet distance between Gaussians fitted to features [N, C] and [M, C]; N, M ≥ 2.

        |μ₁ − μ₂|² + Tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½)

    Heusel et al. 2017 (arXiv 1706.08500, equation 6). With Σ₁ = AᵀA and Σ₂ = BᵀB the last trace is
    the sum of the singular values of A Bᵀ, which needs no root of a matrix and holds for fewer
    pictures than channels. It is biased upwards the more, the fewer the pictures: only distances
    of equally many are comparable.
    """
    a, b = _root_of_covariance(found), _root_of_covariance(wanted, found.shape[1])
    shift = found.mean(axis=0) - wanted.mean(axis=0)
    shared = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    return float(shift @ shift + np.square(a).sum() + np.square(b).sum() - 2 * shared)


def _root_of_covariance(features: FloatArray, channels: int | None = None) -> FloatArray:
    """[min(N, C), C] A with AᵀA the (unbiased) covariance of features [N, C]."""
    check_shape("features", features, (None, channels))
    require_items(max(len(features) - 1, 0), "a covariance")
    centred = (features - features.mean(axis=0)) / np.sqrt(len(features) - 1)
    if len(centred) <= centred.shape[1]:
        return np.asarray(centred)
    return np.asarray(np.linalg.qr(centred, mode="r"))


def kernel_distance(found: FloatArray, wanted: FloatArray) -> float:
    """Squared maximum mean discrepancy of features [N, C] and [M, C], unbiased; N, M ≥ 2.

    Bińkowski et al. 2018 (arXiv 1801.01401), kernel (x·y / C + 1)³, over all pairs
    rather than over subsets. Of two samples of one distribution it is 0 on average, and so may be
    negative.
    """
    check_shape("wanted", wanted, (None, found.shape[1]))
    require_items(max(min(len(found), len(wanted)) - 1, 0), "a kernel distance")
    cross = _kernel(found, wanted).mean()
    return float(_mean_of_pairs(found) + _mean_of_pairs(wanted) - 2 * cross)


def _kernel(x: FloatArray, y: FloatArray) -> FloatArray:
    return np.asarray((x @ y.T / x.shape[1] + 1.0) ** _DEGREE)


def _mean_of_pairs(x: FloatArray) -> float:
    """The kernel's mean over pairs of different pictures."""
    kernel = _kernel(x, x)
    return float((kernel.sum() - np.trace(kernel)) / (len(x) * (len(x) - 1)))


# Metric of sets → its value, of features [N, C] and [M, C].
DISTANCES: dict[str, Callable[[FloatArray, FloatArray], float]] = {
    "fd": frechet_distance,
    "kid": kernel_distance,
}
