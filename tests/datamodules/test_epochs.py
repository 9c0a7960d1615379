"""Rounds are permutations, and a place holds the same whenever and however it is read."""

from __future__ import annotations

import numpy as np

from mirage.datamodules.epochs import Epochs

IDS = np.array([3, 5, 8, 9, 20, 21, 22])


def test_every_round_holds_every_id_once() -> None:
    drawn = Epochs(IDS, seed=1)[0:70].reshape(10, 7)
    assert (np.sort(drawn, axis=1) == IDS).all()
    assert len({tuple(one) for one in drawn}) > 5


def test_a_place_holds_the_same_however_it_is_read() -> None:
    whole = Epochs(IDS, seed=1)[0:70]
    for size in (1, 3, 7, 20):
        parts = [Epochs(IDS, seed=1)[i : min(i + size, 70)] for i in range(0, 70, size)]
        assert np.array_equal(np.concatenate(parts), whole)
    assert not np.array_equal(Epochs(IDS, seed=2)[0:70], whole)
