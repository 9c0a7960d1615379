"""How sure a figure is: 95% intervals over objects, of a figure or of a difference of figures.

Views of one object are not independent, so what is drawn again or left out is whole objects.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import norm, t

from mirage.core.errors import MirageError

# numpy's mean, median and the like: values [R, N] with axis=1 → [R]
Statistic = Callable[..., Any]

_BLOCK = 100  # resamples held at once


@dataclass(frozen=True)
class Interval:
    """A figure and the ends of its confidence interval."""

    value: float
    low: float
    high: float


def bootstrap(
    values: npt.ArrayLike,
    seed: int,
    statistic: Statistic = np.mean,
    *,
    num_resamples: int = 2000,
    level: float = 0.95,
) -> Interval:
    """A statistic of values [O, …] with its bootstrap interval over the O objects.

    The expanded percentile interval of Hesterberg 2015 (arXiv 1411.5279): the plain
    percentile interval of few objects is too narrow by √((O − 1) / O) and by taking normal for
    t quantiles, so percentiles are taken further out. The same seed draws the same objects.

    Raises:
        MirageError: fewer than two objects, which say nothing of how far objects differ.
    """
    values = np.asarray(values, dtype=float)
    count = len(values)
    _require_two(count, "objects")
    drawn = np.random.default_rng(seed).integers(count, size=(num_resamples, count))
    found = np.concatenate(
        [
            statistic(values[rows].reshape(len(rows), -1), axis=1)
            for rows in np.array_split(drawn, -(-num_resamples // _BLOCK))
        ]
    )
    tail = norm.cdf(np.sqrt(count / (count - 1)) * t.ppf((1 - level) / 2, count - 1))
    low, high = np.quantile(found, [tail, 1 - tail])
    return Interval(float(statistic(values)), float(low), float(high))


def jackknife(whole: float, without: npt.ArrayLike, *, level: float = 0.95) -> Interval:
    """A figure of a set, and its interval from the figure without each of G equal groups [G].

    The delete-a-group jackknife (Kott 2001), with the t quantile of G − 1. For Fréchet and kernel
    distances it stands in for the bootstrap, which draws pictures twice: that adds to such a
    distance, and the interval misses the figure it is drawn round.

    Raises:
        MirageError: fewer than two groups.
    """
    without = np.asarray(without, dtype=float)
    groups = len(without)
    _require_two(groups, "groups")
    variance = (groups - 1) / groups * np.square(without - without.mean()).sum()
    half = float(t.ppf((1 + level) / 2, groups - 1) * np.sqrt(variance))
    return Interval(float(whole), float(whole) - half, float(whole) + half)


def _require_two(count: int, what: str) -> None:
    if count < 2:
        raise MirageError(
            f"an interval needs at least two {what}, not {count}",
            todo="measure on more: evaluate.objects, or views.references for photos",
        )
