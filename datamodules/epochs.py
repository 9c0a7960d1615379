"""Every image once an epoch, in an order that the seed and the epoch alone decide."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from mirage.core.contracts import IntArray

_STREAM = 2  # keeps these draws apart from those of steps and of pairs


class Epochs:
    """The ids again and again, every round in another order; an epoch is one round.

    Batches go on from one epoch into the next: none is short, and no image is left out where the
    ids are no whole number of batches. What is at a place does not depend on what was read before,
    so a training that goes on needs to remember nothing.

    Args:
        ids: [N] what each round holds once; not empty.
    """

    def __init__(self, ids: IntArray, seed: int) -> None:
        self.ids, self.seed = ids, seed

    def __getitem__(self, places: slice) -> IntArray:
        """[stop − start] ids, at places counted from the beginning of the first epoch."""
        epoch, within = np.divmod(np.arange(places.start, places.stop), len(self.ids))
        found = np.empty(len(epoch), self.ids.dtype)
        for one in np.unique(epoch):
            inside = epoch == one
            found[inside] = self.ids[_order(len(self.ids), self.seed, int(one))[within[inside]]]
        return found


@lru_cache(2)  # a batch may begin in one epoch and end in the next
def _order(count: int, seed: int, epoch: int) -> IntArray:
    return np.random.default_rng([seed, epoch, _STREAM]).permutation(count)
