"""Images and candidates are drawn with their probabilities, at a cost that hangs on the batch."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

from mirage.datamodules.draws import draw_columns, draw_weighted

IDS = np.arange(100, 130)


def test_probabilities_are_obeyed() -> None:
    only = np.zeros(30)
    only[[4, 9]] = 0.25, 0.75
    drawn = draw_weighted(IDS, only)(np.random.default_rng(0), slice(0, 4000))
    assert set(drawn) == {104, 109}
    assert (drawn == 109).mean() == pytest.approx(0.75, abs=0.03)


def test_candidates_are_drawn_by_their_weights() -> None:
    weights = np.tile([0.2, 0.0, 0.8], (5000, 1)).astype(np.float32)
    column = draw_columns(np.random.default_rng(0), weights)
    assert set(column) == {0, 2}
    assert (column == 2).mean() == pytest.approx(0.8, abs=0.03)


def test_a_draw_does_not_look_at_every_image() -> None:
    num = 400_000
    probabilities = np.full(num, 1 / num)
    draw, rng = draw_weighted(np.arange(num), probabilities), np.random.default_rng(0)

    def seconds(of: Callable[[], object]) -> float:
        start = time.process_time()
        for _ in range(10):
            of()
        return time.process_time() - start

    looking = seconds(lambda: rng.choice(num, 64, p=probabilities))
    assert seconds(lambda: draw(rng, slice(0, 64))) < looking / 10
