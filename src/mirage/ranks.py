"""The processes that torchrun or srun started for one command, and how they wait for each other."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from mirage.errors import MirageError

_JOINING = timedelta(minutes=10)  # for all processes to come up
_WAITING = timedelta(days=7)  # for the slowest; one that ends breaks the wait at once


@dataclass(frozen=True)
class Ranks:
    """One process among `world`.

    Attributes:
        rank: its number, 0 to world − 1.
        world: how many there are.
        local_rank: its number among those of the same machine.
    """

    rank: int = 0
    world: int = 1
    local_rank: int = 0

    @property
    def is_first(self) -> bool:
        """Whether this is the one that does what must be done once."""
        return self.rank == 0

    def share(self, count: int) -> range:
        """Which of `count` pieces of work are this process's."""
        return range(self.rank, count, self.world)

    def wait(self) -> None:
        """Wait until all processes have come here.

        Raises:
            MirageError: another one ended first.
        """
        if self.world == 1:
            return
        barrier = _barrier(self)
        try:
            barrier()
        except RuntimeError as error:  # gloo tells of a closed connection
            raise MirageError(
                f"another of the {self.world} processes ended before its work was done",
                where=f"process {self.rank}",
                todo="mend what its own message tells; the same command goes on from what is done",
            ) from error


ALONE = Ranks()


def find_ranks() -> Ranks:
    """This process's place, as torchrun or srun tells it; alone where neither started it.

    Raises:
        MirageError: srun was given its number of tasks in a way that Lightning cannot read.
    """
    if not {"WORLD_SIZE", "SLURM_NTASKS"} & set(os.environ):
        return ALONE
    from lightning.fabric.plugins.environments import SLURMEnvironment, TorchElasticEnvironment

    try:
        for kind in (TorchElasticEnvironment, SLURMEnvironment):
            if kind.detect():
                found = kind()
                # Both leave the meeting place in MASTER_ADDR and MASTER_PORT when asked for it.
                _ = found.main_address, found.main_port
                return Ranks(found.global_rank(), found.world_size(), found.local_rank())
    except RuntimeError as error:
        raise MirageError(str(error).split(" HINT")[0], where="srun", todo=str(error)) from error
    return ALONE


def join_ranks() -> Ranks:
    """`find_ranks`, and meet the others; all processes must call it, early.

    Raises:
        MirageError: they do not all come up in time.
    """
    ranks = find_ranks()
    if ranks.world > 1:
        _barrier(ranks)
    return ranks


@cache
def _barrier(ranks: Ranks) -> Callable[[], object]:
    """What a process calls to wait for the others."""
    from torch import distributed

    try:
        if not distributed.is_initialized():
            distributed.init_process_group(
                "gloo", rank=ranks.rank, world_size=ranks.world, timeout=_JOINING
            )
        patient: Any = distributed.new_group(backend="gloo", timeout=_WAITING)
    except RuntimeError as error:
        raise MirageError(
            f"the {ranks.world} processes do not find one another: {str(error)[:200]}",
            where=f"process {ranks.rank}, {os.environ.get('MASTER_ADDR')}:"
            f"{os.environ.get('MASTER_PORT')}",
            todo="check that all of them started and that MASTER_ADDR can be reached",
        ) from error
    return lambda: distributed.barrier(group=patient)
