"""Processes that share a command: threads that stand in for them, and torchrun."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from mirage.ranks import Ranks

T = TypeVar("T")


@dataclass(frozen=True)
class ThreadRank(Ranks):
    """A thread that stands in for a process; where one ends, the others wait no longer."""

    barrier: Any = None
    brought: Any = None

    def gather(self, mine: T) -> list[T]:
        self.brought[self.rank] = mine
        self.barrier.wait(timeout=60)
        found = list(self.brought)
        self.barrier.wait(timeout=60)  # nobody brings the next before all have taken
        return found


def share_out(world: int, work: Callable[[Ranks], T]) -> list[T | BaseException]:
    """What `work` returned or raised in each of `world` processes."""
    barrier, brought = threading.Barrier(world), [None] * world

    def run(rank: int) -> T | BaseException:
        try:
            return work(ThreadRank(rank, world, rank, world, barrier, brought))
        except BaseException as error:
            barrier.abort()
            return error

    with ThreadPoolExecutor(world) as pool:
        return list(pool.map(run, range(world)))


def torchrun(*words: str, timeout: float = 280, world: int = 2) -> subprocess.CompletedProcess[str]:
    """`mirage` with these words, on several processes of one thread each."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(world)]
    here = os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(Path(__file__).parent)])
    return subprocess.run(
        [sys.executable, *launcher, "-m", "mirage.cli", *words],
        env=os.environ | {"WANDB_MODE": "offline", "OMP_NUM_THREADS": "1", "PYTHONPATH": here},
        capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip
