"""Threads that compute: many small blocks of work side by side, each on one processor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

import torch
from threadpoolctl import ThreadpoolController

Item = TypeVar("Item")
Result = TypeVar("Result")


@contextmanager
def compute_pool(num_threads: int | None = None) -> Iterator[ThreadPoolExecutor]:
    """A pool whose tasks call torch; torch starts no threads of its own within them.

    A block that fits a core's cache, given to one thread, beats torch's own way of sharing every
    single operation among all threads: nothing waits between operations, and nothing is
    oversubscribed.

    Args:
        num_threads: None takes torch's number.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(num_threads or before) as pool:
            yield pool
    finally:
        torch.set_num_threads(before)


def map_in_threads(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """`function` of each item, in order; for work that NumPy does, which leaves Python free.

    Each item is one thread's, BLAS and all, so the results do not hang on their number.
    """
    with (
        _controller().limit(limits=1, user_api="blas"),
        ThreadPoolExecutor(torch.get_num_threads()) as pool,
    ):
        return list(pool.map(function, items))


@cache
def _controller() -> ThreadpoolController:
    """Finding the libraries takes longer than some of the work."""
    return ThreadpoolController()
