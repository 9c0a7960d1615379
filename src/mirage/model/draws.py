"""The random numbers of a training step, the same however many processes share its batch.

The batch of all processes has rows 0, 1, 2, …, of which each process has a run. Numbers are drawn
in blocks of rows, each from a generator of its own; a process draws the blocks that its rows lie
in, and so gets for a row what one process alone would have drawn for it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Generator, Tensor

_BLOCK = 16  # rows: few generators a step, and little drawn in vain


class StepDraws:
    """Successive draws for the rows [first, first + count) of a step's batch.

    Args:
        key: what the step is, such as (seed, step); other keys draw other numbers.
        device: of the numbers. Another kind of device draws other ones.
    """

    def __init__(self, key: tuple[int, ...], first: int, count: int, device: torch.device) -> None:
        self._key, self._first, self._count, self._device = key, first, count, device
        self._draws = 0

    def normal(self, *shape: int) -> Tensor:
        """[count, *shape] standard normal."""
        return self._draw(torch.randn, shape)

    def uniform(self, *shape: int) -> Tensor:
        """[count, *shape] in [0, 1)."""
        return self._draw(torch.rand, shape)

    def _draw(self, draw: Callable[..., Tensor], shape: tuple[int, ...]) -> Tensor:
        self._draws += 1
        blocks = range(self._first // _BLOCK, -(-(self._first + self._count) // _BLOCK))
        drawn = [
            draw(_BLOCK, *shape, generator=self._generator(block), device=self._device)
            for block in blocks
        ]
        start = self._first - blocks.start * _BLOCK
        return torch.cat(drawn)[start : start + self._count]

    def _generator(self, block: int) -> Generator:
        seed = seed_of(*self._key, self._draws, block)
        return Generator(self._device).manual_seed(seed)


def seed_of(*key: int) -> int:
    """A generator's seed, of 63 bits; keys that differ a little give ones that differ much."""
    words = np.random.SeedSequence(key).generate_state(2)
    return int(words[0]) << 31 | int(words[1]) >> 1
