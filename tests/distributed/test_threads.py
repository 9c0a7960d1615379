import os
import threading
import time
from collections.abc import Callable

import pytest
import torch

from mirage.distributed.ranks import find_ranks
from mirage.distributed.threads import (
    compute_pool,
    in_order,
    map_in_threads,
    num_processors,
    threads_of_machine,
)

TORCHRUN = {
    "WORLD_SIZE": "8",
    "RANK": "1",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "4",
    "GROUP_RANK": "0",
    "MASTER_ADDR": "localhost",
    "MASTER_PORT": "29500",
    "TORCHELASTIC_RUN_ID": "none",
}
SRUN = {
    "SLURM_STEP_NUM_TASKS": "8",
    "SLURM_STEP_NUM_NODES": "2",
    "SLURM_PROCID": "1",
    "SLURM_LOCALID": "1",
    "SLURM_JOB_ID": "5",
    "SLURM_NTASKS_PER_NODE": "4",
    "SLURM_JOB_NAME": "train",
    "SLURM_NODELIST": "localhost",
}


def test_torch_has_one_thread_inside_and_its_own_number_after() -> None:
    before = torch.get_num_threads()
    with compute_pool(3) as pool:
        assert set(pool.map(lambda _: torch.get_num_threads(), range(8))) == {1}
    assert torch.get_num_threads() == before


def test_a_failure_restores_the_number_too() -> None:
    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError), compute_pool() as pool:
        list(pool.map(lambda value: 1 / value, [0]))
    assert torch.get_num_threads() == before


def test_tasks_run_side_by_side() -> None:
    meet = threading.Barrier(2, timeout=30)  # broken unless two tasks run at once
    with compute_pool(2) as pool:
        assert sorted(pool.map(lambda _: meet.wait(), range(2))) == [0, 1]


def test_results_come_in_the_order_of_the_items() -> None:
    assert map_in_threads(lambda item: item**2, range(20)) == [item**2 for item in range(20)]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A machine of 64 processors; what it is told of a launcher, and how many may be used."""

    def be(environment: dict[str, str], allowed: int = 64) -> None:
        for name in [name for name in os.environ if name.startswith(("SLURM", "TORCHELASTIC"))]:
            monkeypatch.delenv(name)
        for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(os, "cpu_count", lambda: 64)
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(allowed)), raising=False)

    return be


@pytest.mark.parametrize(
    ("environment", "allowed", "own"),
    [
        ({}, 64, 64),
        ({}, 6, 6),  # taskset, or a container
        (TORCHRUN, 64, 16),
        (TORCHRUN, 2, 1),  # never none
        (TORCHRUN | {"SLURM_CPUS_PER_TASK": "32"}, 32, 8),  # a job of one task, which is torchrun
        (SRUN | {"SLURM_CPUS_PER_TASK": "12"}, 64, 12),  # a Slurm that binds no task
        (SRUN, 12, 12),  # one that does
        (SRUN, 64, 16),
    ],
)
def test_a_process_has_its_share_of_the_processors(
    machine: Callable[..., None], environment: dict[str, str], allowed: int, own: int
) -> None:
    machine(environment, allowed)
    assert num_processors() == own


@pytest.mark.parametrize(
    ("environment", "before", "during"),
    [
        ({}, 3, 3),
        (TORCHRUN, 1, 64),  # torchrun's own number, which leaves 60 of 64 processors idle
        (TORCHRUN, 3, 12),
        (SRUN, 3, 12),
        (SRUN, 1, 4),
    ],
)
def test_who_works_alone_has_the_threads_of_its_machine_meanwhile(
    machine: Callable[..., None], environment: dict[str, str], before: int, during: int
) -> None:
    machine(environment)
    found = torch.get_num_threads()
    torch.set_num_threads(before)
    try:
        with pytest.raises(ZeroDivisionError), threads_of_machine(find_ranks()):
            assert torch.get_num_threads() == during
            raise ZeroDivisionError
        assert torch.get_num_threads() == before
    finally:
        torch.set_num_threads(found)


def test_a_stream_keeps_its_order_and_is_not_far_ahead() -> None:
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        time.sleep(0.01 if item % 2 else 0.0)
        return item**2

    stream = in_order(work, range(100), num_threads=4, ahead=8)
    assert next(stream) == 0
    assert max(begun) <= 8
    assert list(stream) == [item**2 for item in range(1, 100)]


def test_a_stream_uses_all_processors(machine: Callable[..., None]) -> None:
    machine({}, allowed=6)
    meet = threading.Barrier(6, timeout=30)  # broken unless six run at once
    assert sorted(in_order(lambda _: meet.wait(), range(6))) == [0, 1, 2, 3, 4, 5]
