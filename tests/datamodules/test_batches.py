"""A loader gives the batches of the steps to do, of which the next is made meanwhile."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from mirage.datamodules.batches import Batches, Loader


class Steps(Batches):
    """Batches that remember who fetched them."""

    def __init__(self) -> None:
        self.fetched: dict[int, int] = {}
        self.there = threading.Semaphore(0)

    def fetch(self, step: int) -> Any:
        if step == 7:
            raise OSError("the disk is gone")
        self.fetched[step] = threading.get_ident()
        self.there.release()
        return step

    def finish(self, fetched: int) -> Any:
        return fetched, threading.get_ident()


@pytest.mark.parametrize("ahead", [False, True])
def test_a_loader_begins_where_training_is_and_is_as_long_as_all_of_it(ahead: bool) -> None:
    step = 0
    loader = Loader(Steps(), 5, lambda: step, ahead=ahead)
    assert [batch for batch, _ in loader] == [0, 1, 2, 3, 4]
    step = 3
    assert [batch for batch, _ in loader] == [3, 4] and len(loader) == 5


def test_a_thread_fetches_the_next_batch_while_one_is_used() -> None:
    steps = Steps()
    loaded = iter(Loader(steps, 7, ahead=True))
    for step in range(5):
        assert next(loaded) == (step, threading.get_ident())  # finished by who asked
        for _ in range(2 if step == 0 else 1):
            assert steps.there.acquire(timeout=30)
        assert set(steps.fetched) == set(range(step + 2))  # and no more than the next
    assert threading.get_ident() not in steps.fetched.values()


def test_without_a_thread_nothing_is_fetched_early() -> None:
    steps = Steps()
    assert next(iter(Loader(steps, 7, ahead=False)))[0] == 0
    assert steps.fetched == {0: threading.get_ident()}


def test_what_fails_in_the_thread_is_told() -> None:
    with pytest.raises(OSError, match="the disk is gone"):
        list(Loader(Steps(), 9, ahead=True))
