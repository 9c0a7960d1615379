"""The processes that torchrun or srun started for one command, and how they wait for each other."""

from __future__ import annotations

import atexit
import os
import re
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar

from mirage.core.errors import MirageError

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
                todo="fix what its own message reports; the same command resumes from what is done",
            ) from error
        return found


ALONE = Ranks()


def find_ranks() -> Ranks:
    """This process's place, as whoever started it tells; alone where nobody started several.

    srun tells it of a step, of which a job and a shell in one may have any number. torchrun, and
    others that do as it does, tell it in RANK, WORLD_SIZE and where the processes meet.

    Raises:
        MirageError: it is one of several, and it is not told of where or how they meet: each would
            think that the run is its own.
    """
    told = os.environ
    for size, by in (("WORLD_SIZE", _by_torchrun), ("SLURM_STEP_NUM_TASKS", _by_srun)):
        if _number(size) > 1:
            return by()
    for size in _OF_MPI:
        if _number(size) > 1 and "SLURM_STEP_NUM_TASKS" not in told and "WORLD_SIZE" not in told:
            raise _refusal(f"{told[size]} processes were started by MPI ({size})")
    return ALONE


_OF_MPI = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE")
_AS_TORCHRUN = ("RANK", "MASTER_ADDR", "MASTER_PORT")


def _by_torchrun() -> Ranks:
    missing = [name for name in _AS_TORCHRUN if not os.environ.get(name)]
    if "LOCAL_RANK" in os.environ and "LOCAL_WORLD_SIZE" not in os.environ:
        missing.append("LOCAL_WORLD_SIZE")
    if missing:
        raise _refusal(f"WORLD_SIZE is {os.environ['WORLD_SIZE']}, and {missing[0]} is not set")
    local = _number("LOCAL_WORLD_SIZE", 1)  # of one a machine some launchers say no more
    return _even(_number("RANK"), _number("WORLD_SIZE"), _number("LOCAL_RANK"), local)


def _by_srun() -> Ranks:
    world, nodes = _number("SLURM_STEP_NUM_TASKS"), _number("SLURM_STEP_NUM_NODES", 1)
    # Where the first of them is; a port that another step of the job does not take as well.
    first = re.sub(r"\[(\d+).*?\]", r"\1", os.environ.get("SLURM_STEP_NODELIST", "localhost"))
    os.environ.setdefault("MASTER_ADDR", first.split(",")[0])
    port = 15000 + (_number("SLURM_JOB_ID") * 7 + _number("SLURM_STEP_ID")) % 10000
    os.environ.setdefault("MASTER_PORT", str(port))
    rank, local_rank = _number("SLURM_PROCID"), _number("SLURM_LOCALID")
    tasks = os.environ.get("SLURM_STEP_TASKS_PER_NODE", "")
    if world % nodes or "," in tasks:
        raise _refusal(f"srun put {world} processes on {nodes} nodes, {tasks} on each")
    return _even(rank, world, local_rank, world // nodes)


def _even(rank: int, world: int, local_rank: int, local: int) -> Ranks:
    if rank >= world or local_rank >= local or world % local:
        raise _refusal(f"this is process {rank} of {world}, and {local_rank} of {local} here")
    return Ranks(rank, world, local_rank, local)


def _number(name: str, otherwise: int = 0) -> int:
    value = os.environ.get(name, "")
    return int(value) if value.isdigit() else otherwise


def _refusal(what: str) -> MirageError:
    return MirageError(
        f"{what}: they cannot work on one run together so",
        where="environment",
        todo="start them with torchrun, or with srun and as many on each node; or unset WORLD_SIZE "
        "for a process that is alone",
    )


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
