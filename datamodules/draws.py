"""Which images a training sees, place after place in the batches of all processes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mirage.core.contracts import FloatArray, IntArray
from mirage.datamodules.epochs import Epochs

# Draws the ids at places that are counted from those of the first step.
Draw = Callable[[np.random.Generator, slice], IntArray]


def draw_evenly(ids: IntArray, seed: int) -> Draw:
    """Every image once an epoch, in an order that the seed and the epoch decide."""
    epochs = Epochs(ids, seed)
    return lambda rng, places: epochs[places]


def draw_weighted(ids: IntArray, probabilities: FloatArray) -> Draw:
    """Each place by itself: there are no epochs.

    Args:
        ids, probabilities: [N] the images, and the probability of each.
    """
    cumulative = np.cumsum(probabilities)  # once: a step asks for few of millions

    def draw(rng: np.random.Generator, places: slice) -> IntArray:
        uniform = rng.random(places.stop - places.start) * cumulative[-1]
        found = np.searchsorted(cumulative, uniform, side="right")
        return ids[np.minimum(found, len(ids) - 1)]

    return draw


def draw_columns(rng: np.random.Generator, weights: FloatArray) -> IntArray:
    """[n] column of each row of `weights` [n, T], drawn with those probabilities."""
    cumulative = weights.cumsum(axis=1)
    uniform = rng.random(len(weights))
    columns: IntArray = (uniform[:, None] * cumulative[:, -1:] >= cumulative).sum(axis=1)
    return np.minimum(columns, weights.shape[1] - 1)
