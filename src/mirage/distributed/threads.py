"""Threads: how many there may be, and what they do side by side."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from itertools import islice
from typing import TypeVar

import torch
from threadpoolctl import ThreadpoolController

from mirage.core.machine import allowed_processors, reachable_processors
from mirage.distributed.ranks import Ranks, find_ranks

Item = TypeVar("Item")
Result = TypeVar("Result")


def num_processors() -> int:
    """The processors that are this process's: of those it may keep busy, its share.

    torchrun lets each of a machine's processes run on all of them. srun gives each its own, where
    it binds them, or tells how many they are.
    """
    allowed = allowed_processors()
    told = os.environ.get("SLURM_CPUS_PER_TASK")
    by_torchrun = "LOCAL_WORLD_SIZE" in os.environ
    if told and not by_torchrun:
        return min(allowed, int(told))
    shared = by_torchrun or reachable_processors() == (os.cpu_count() or 1)
    return max(1, allowed // find_ranks().local_world) if shared else allowed


@contextmanager
def threads_of_machine(ranks: Ranks) -> Iterator[None]:
    """For work of one process that the others of its machine wait for: it has their threads too.

    torchrun gives each process one thread, where OMP_NUM_THREADS says nothing else: then it has all
    of their processors.
    """
    before = torch.get_num_threads()
    torchrun_chose = before == 1 and "TORCHELASTIC_RUN_ID" in os.environ
    own = num_processors() if torchrun_chose else before
    torch.set_num_threads(own * ranks.local_world)
    try:
        yield
    finally:
        torch.set_num_threads(before)


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


def in_order(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    num_threads: int | None = None,
    ahead: int | None = None,
) -> Iterator[Result]:
    """`work` of each item, in order, while the caller uses those before; for files and memory.

    Args:
        num_threads: None takes one for each of `num_processors`.
        ahead: at most so many items are under way or wait to be used; None: four a thread.
    """
    num_threads = num_threads or num_processors()
    with ThreadPoolExecutor(num_threads) as pool:
        waiting = iter(items)
        running = [pool.submit(work, item) for item in islice(waiting, ahead or 4 * num_threads)]
        while running:
            yield running.pop(0).result()
            running.extend(pool.submit(work, item) for item in islice(waiting, 1))


@cache
def _controller() -> ThreadpoolController:
    """Finding the libraries takes longer than some of the work."""
    return ThreadpoolController()
