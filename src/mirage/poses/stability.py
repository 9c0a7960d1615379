"""How many poses: as many as a second fit, to other photos, tells apart too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from mirage.core.contracts import FloatArray, IntArray
from mirage.core.errors import MirageError
from mirage.features import kmeans

CANDIDATES = (4, 6, 8, 10, 12, 16, 20, 24, 30, 36, 48, 60, 72)
_FEWEST = 20  # photos a pose must have on average
FEWEST_PHOTOS = CANDIDATES[0] * _FEWEST  # that a number of poses can be chosen by
_OPEN = 1.0  # bits: two poses are left to choose from


@dataclass(frozen=True)
class CountTrial:
    """What clustering into `count` poses more than once left open, in bits a photo.

    Attributes:
        open_bits: the mean over pairs of fits of H(pose in one | pose in the other).
        low, high: the least and the most of a pair.
    """

    count: int
    open_bits: float
    low: float
    high: float


@dataclass(frozen=True)
class CountChoice:
    """The number of poses, and why."""

    chosen: int
    why: str
    candidates: tuple[CountTrial, ...]


def choose_count(readings: Sequence[FloatArray], seed: int, max_points: int) -> CountChoice:
    """The finest number of poses that several fits agree on.

    Each clusters its own half of the photos with its own seed, and then assigns all. A pose is only
    as good as its border: two sets of poses whose borders lie anywhere leave 0.72 bits open between
    them, however well every photo is read, and noise adds to it.

    Args:
        readings: [N, E] points of the same photos, as two or more fits see them.

    Raises:
        MirageError: there are too few photos for the smallest number.
    """
    num = len(readings[0])
    counts = [count for count in CANDIDATES if count * _FEWEST <= num]
    if not counts:
        raise MirageError(
            f"{num} photos are too few to choose a number of poses by",
            where="configuration key poses.count=auto",
            todo=f"add photos (at least {FEWEST_PHOTOS}), or set poses.count",
        )
    trials = tuple(_try(readings, count, seed, max_points) for count in counts)
    stable = [trial for trial in trials if trial.open_bits <= _OPEN]
    if stable:
        chosen = max(stable, key=lambda trial: trial.count)
        why = (
            f"{chosen.count} poses: the finest of {len(trials)} tried at which a second fit, to "
            f"other photos, leaves {chosen.open_bits:.2f} (at most {_OPEN:g}) bits open about a "
            "photo's pose"
        )
    else:
        chosen = min(trials, key=lambda trial: trial.open_bits)
        why = (
            f"{chosen.count} poses: no number is stable; this one leaves least open "
            f"({chosen.open_bits:.2f} bits)"
        )
    return CountChoice(chosen.count, why, trials)


def _try(readings: Sequence[FloatArray], count: int, seed: int, max_points: int) -> CountTrial:
    labels = []
    for index, points in enumerate(readings):
        random = np.random.default_rng([seed, index])
        half = random.permutation(len(points))[: max(len(points) // 2, count)]
        centroids = kmeans.fit(
            points[half], count, seed=seed + index, restarts=3, max_points=max_points
        ).centroids
        labels.append(kmeans.assign(points, centroids)[0])
    bits = [conditional_bits(a, b) for a, b in permutations(labels, 2)]
    return CountTrial(count, float(np.mean(bits)), min(bits), max(bits))


def conditional_bits(labels: IntArray, given: IntArray) -> float:
    """H(labels | given) of two labellings [N], in bits."""
    joint = np.zeros((int(given.max()) + 1, int(labels.max()) + 1))
    np.add.at(joint, (given, labels), 1.0)
    joint /= joint.sum()
    row = joint.sum(axis=1, keepdims=True)
    present = joint > 0
    return float(-(joint[present] * np.log2((joint / np.maximum(row, 1e-12))[present])).sum())
