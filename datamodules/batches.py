"""The batch of every optimizer step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mirage.core.contracts import IntArray, PoseRing
from mirage.datamodules.labelled import Batch, LabelledImages, Labels, label_batch
from mirage.datamodules.store import Fetched, Store
from mirage.distributed.threads import in_order

_DRAWN = 32  # steps drawn at once: what a draw costs beside its numbers is shared by so many


@dataclass(frozen=True)
class Share:
    """One process's places in the batch of all.

    Attributes:
        batch_size: of this process, B.
        rank, world_size: which process it is, and of how many.
    """

    batch_size: int
    rank: int = 0
    world_size: int = 1

    @property
    def total(self) -> int:
        """Places in the batch of all processes."""
        return self.batch_size * self.world_size

    def first_place(self, step: int) -> int:
        """The first of this process's places at `step`, counted from those of step 0."""
        return step * self.total + self.rank * self.batch_size


class Batches(ABC):
    """The batch of every step, made in two parts."""

    @abstractmethod
    def fetch(self, step: int) -> Any:
        """The host's part, which any thread may do, one at a time."""

    @abstractmethod
    def finish(self, fetched: Any) -> Any:
        """The device's part; nothing waits for it."""

    def __getitem__(self, step: int) -> Any:
        return self.finish(self.fetch(step))


# Given the number of a run of steps and the places in it, draws ids and columns of soft labels.
DrawSteps = Callable[[int, slice], tuple[IntArray, IntArray]]


class StepBatches(Batches):
    """Batches of posed images; what step s sees depends on what is drawn for it alone.

    The batch of all processes is drawn together and each takes its part, so their number does not
    change what a step sees. Where the labels of mirror images are known, every second place shows
    one.

    Args:
        store: of the same images, on the device that batches are wanted on.
        ring: the poses' azimuths, for candidates that are not an image's likeliest.
    """

    def __init__(
        self, images: LabelledImages, store: Store, ring: PoseRing, share: Share, draw: DrawSteps
    ) -> None:
        self.images, self.store, self.ring, self.share, self._draw = (
            images,
            store,
            ring,
            share,
            draw,
        )
        self._drawn: tuple[int, IntArray, Labels] | None = None

    def fetch(self, step: int) -> Fetched:
        number, row = divmod(step, _DRAWN)
        drawn = self._drawn
        if drawn is None or drawn[0] != number:
            self._drawn = drawn = self._draw_run(number)
        _, ids, labels = drawn
        odd = None if self.images.flipped is None else 1 - self.share.first_place(step) % 2
        return self.store.fetch(ids[row], {k: v[row] for k, v in labels.items()}, odd)

    def finish(self, fetched: Fetched) -> Batch:
        return self.store.finish(fetched)

    def _draw_run(self, number: int) -> tuple[int, IntArray, Labels]:
        """Ids [steps, B] of a run of steps, and what is said of each."""
        share, first = self.share, number * _DRAWN * self.share.total
        places = np.arange(first, first + _DRAWN * share.total).reshape(_DRAWN, share.total)
        mine = slice(share.rank * share.batch_size, (share.rank + 1) * share.batch_size)
        ids, column = (
            drawn.reshape(places.shape)[:, mine]
            for drawn in self._draw(number, slice(first, first + places.size))
        )
        return (
            number,
            ids,
            label_batch(self.images, self.ring, ids, column, places[:, mine] % 2 == 1),
        )


class Loader:
    """The batches of the steps still to do when an epoch begins.

    Args:
        current: tells the step that training has come to.
        total: steps of the whole training. It is the length too: Lightning goes on counting where
            the checkpoint stopped, and would end the epoch early on a count of what is left.
        ahead: a thread does the host's part of the next step while this one is computed.
    """

    def __init__(
        self, batches: Batches, total: int, current: Callable[[], int] = lambda: 0, *, ahead: bool
    ) -> None:
        self.batches, self.total, self.current, self.ahead = batches, total, current, ahead

    def __iter__(self) -> Iterator[Any]:
        steps = range(self.current(), self.total)
        fetch = self.batches.fetch
        fetched = (
            in_order(fetch, steps, num_threads=1, ahead=2) if self.ahead else map(fetch, steps)
        )
        return map(self.batches.finish, fetched)

    def __len__(self) -> int:
        return self.total
