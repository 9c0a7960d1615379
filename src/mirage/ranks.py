"""The processes that torchrun or srun started for one command, and how they wait for each other."""

from __future__ import annotations

import atexit
import os
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar

from mirage.errors import MirageError

T = TypeVar("T")

_JOINING = timedelta(minutes=10)  # for all processes to come up
_WAITING = timedelta(days=7)  # for the slowest; one that ends breaks the wait at once
# For the slowest in a training, as one that writes a large checkpoint. NCCL is told of none that
# ended: where nobody else ends the others, they do after so long.
_TRAINING = timedelta(hours=1)


@dataclass(frozen=True)
class Ranks:
    """One process among `world`.

    Attributes:
        rank: its number, 0 to world − 1.
        world: how many there are.
        local_rank: its number among those of the same machine.
        local_world: how many there are on each machine.
    """

    rank: int = 0
    world: int = 1
    local_rank: int = 0
    local_world: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the one that does what must be done once."""
        return self.rank == 0

    @property
    def machines(self) -> int:
        """How many machines the processes are spread over."""
        return self.world // self.local_world

    def share(self, count: int) -> range:
        """Which of `count` pieces of work are this process's."""
        return range(self.rank, count, self.world)

    def wait(self) -> None:
        """Wait until all processes have come here.

        Raises:
            MirageError: another one ended first.
        """
        self.gather(None)

    def gather(self, mine: T) -> list[T]:
        """What every process has, in the order of their numbers; all must call it.

        Args:
            mine: anything that pickles, and is not large.

        Raises:
            MirageError: another process ended first.
        """
        if self.world == 1:
            return [mine]
        from torch import distributed

        group = _meet(self)
        found: list[Any] = [None] * self.world
        try:
            distributed.all_gather_object(found, mine, group=group)
        except RuntimeError as error:  # gloo tells of a closed connection
            raise MirageError(
                f"another of the {self.world} processes ended before its work was done",
                where=f"process {self.rank}",
                todo="mend what its own message tells; the same command goes on from what is done",
            ) from error
        return found


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
                local = int(os.environ.get("LOCAL_WORLD_SIZE") or _tasks_a_node(found.world_size()))
                return Ranks(found.global_rank(), found.world_size(), found.local_rank(), local)
    except RuntimeError as error:
        raise MirageError(str(error).split(" HINT")[0], where="srun", todo=str(error)) from error
    return ALONE


def _tasks_a_node(world: int) -> int:
    """Of srun, which must have been told (Lightning asks for it)."""
    return int(os.environ.get("SLURM_NTASKS_PER_NODE") or world)


def join_ranks() -> Ranks:
    """`find_ranks`, and meet the others; all processes must call it, early.

    Raises:
        MirageError: they do not all come up in time.
    """
    ranks = find_ranks()
    if ranks.world > 1:
        _meet(ranks)
    return ranks


@cache
def _meet(ranks: Ranks) -> Any:
    """The group in which processes wait for one another, however long."""
    from torch import cuda, distributed

    try:
        if not distributed.is_initialized():
            backend = "cpu:gloo,cuda:nccl" if cuda.is_available() else "gloo"
            # Lightning trains in this group: how long all may take to come up is none of its
            # matter, so the meeting place is opened beforehand.
            store, rank, world = next(
                distributed.rendezvous("env://", ranks.rank, ranks.world, timeout=_JOINING)
            )
            store.set_timeout(_WAITING)
            distributed.init_process_group(
                backend, store=store, rank=rank, world_size=world, timeout=_TRAINING
            )
            atexit.register(_part)
        return distributed.new_group(backend="gloo", timeout=_WAITING)
    except RuntimeError as error:
        raise MirageError(
            f"the {ranks.world} processes do not find one another: {str(error)[:200]}",
            where=f"process {ranks.rank}, {os.environ.get('MASTER_ADDR')}:"
            f"{os.environ.get('MASTER_PORT')}",
            todo="check that all of them started and that MASTER_ADDR can be reached",
        ) from error


def _part() -> None:
    """End the threads of the groups: a process that ends with them running may abort."""
    from torch import distributed

    if distributed.is_initialized():
        distributed.destroy_process_group()
