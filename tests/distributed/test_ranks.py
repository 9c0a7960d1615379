"""Processes that share a command: who they are, that they wait, and how they end together."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import PATIENCE

from mirage.core.errors import MirageError
from mirage.distributed.ranks import ALONE, Ranks, find_ranks, join_ranks

SCRIPT = """
import os, signal, sys, time
from pathlib import Path
from mirage.core.errors import MirageError
from mirage.distributed.ranks import join_ranks
signal.signal(signal.SIGTERM, signal.SIG_IGN)  # torchrun ends the other one, sooner or later
ranks = join_ranks()
from torch.distributed.distributed_c10d import _get_default_group
options = _get_default_group()._get_backend(__import__("torch").device("cpu")).options

def tell(line):
    os.write(1, f"{{line}}\\n".encode())  # at once: pieces of two processes' lines would mix
tell(f"training waits {{options._timeout}}")
note = Path({folder!r}) / "note"
if ranks.rank == 1:
    time.sleep(1.0)
    note.write_text("written before the wait")
ranks.wait()
tell(note.read_text())
if ranks.rank == 1:
    os._exit(3)
try:
    ranks.wait()
except MirageError as error:
    tell(error)
"""


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """An environment that holds these words, and nothing else of any launcher."""
    of_launchers = ("SLURM_", "OMPI_", "PMI_", "MASTER_", "TORCHELASTIC_", "LOCAL_", "GROUP_")
    for name in [n for n in os.environ if n.startswith(of_launchers)]:
        monkeypatch.delenv(name)
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.setenv(name, "")  # so that what is set is undone afterwards
        monkeypatch.delenv(name)

    def tell(words: str) -> None:
        for word in words.split():
            monkeypatch.setenv(*word.split("=", 1))

    return tell


JOB = "SLURM_JOB_ID=12 SLURM_NTASKS=4 SLURM_NTASKS_PER_NODE=2 SLURM_NODELIST=node[1-2] "
STEP = JOB + "SLURM_STEP_ID=1 SLURM_PROCID=3 SLURM_LOCALID=1 SLURM_STEP_NODELIST=node[1-2] "
MET = "MASTER_ADDR=node1 MASTER_PORT=29500 "


@pytest.mark.parametrize(
    ("words", "ranks"),
    [
        ("", ALONE),
        ("WORLD_SIZE=1 RANK=0", ALONE),
        (JOB + "SLURM_PROCID=0", ALONE),  # a batch script, before its first srun
        (JOB + "SLURM_JOB_NAME=interactive", ALONE),  # the shell of salloc
        (STEP + "SLURM_STEP_NUM_TASKS=1 SLURM_PROCID=0", ALONE),  # srun --ntasks=1 in such a job
        (
            STEP + "SLURM_STEP_NUM_TASKS=4 SLURM_STEP_NUM_NODES=2 SLURM_STEP_TASKS_PER_NODE=2(x2)",
            Ranks(3, 4, 1, 2),
        ),
        (
            STEP + "SLURM_STEP_NUM_TASKS=4 SLURM_STEP_NUM_NODES=2 SLURM_JOB_NAME=interactive",
            Ranks(3, 4, 1, 2),
        ),  # srun in the shell of salloc
        (MET + "WORLD_SIZE=4 RANK=3 LOCAL_RANK=1 LOCAL_WORLD_SIZE=2", Ranks(3, 4, 1, 2)),
        (MET + "WORLD_SIZE=4 RANK=3", Ranks(3, 4, 0, 1)),  # a pod each, as Kubernetes starts them
        (
            JOB
            + "SLURM_STEP_NUM_TASKS=2 "
            + MET
            + "WORLD_SIZE=4 RANK=3 LOCAL_RANK=1 LOCAL_WORLD_SIZE=2",
            Ranks(3, 4, 1, 2),
        ),  # torchrun, which srun started on each node
        ("OMPI_COMM_WORLD_SIZE=1 OMPI_COMM_WORLD_RANK=0", ALONE),
    ],
)
def test_a_process_knows_its_place(told: Callable[[str], None], words: str, ranks: Ranks) -> None:
    told(words)
    assert find_ranks() == ranks and ranks.machines >= 1


@pytest.mark.parametrize(
    "words",
    [
        "WORLD_SIZE=4",
        "WORLD_SIZE=4 RANK=1",
        MET + "WORLD_SIZE=4 RANK=1 LOCAL_RANK=1",
        MET + "WORLD_SIZE=4 RANK=4",
        "OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_RANK=1",
        "PMI_SIZE=2",
        STEP + "SLURM_STEP_NUM_TASKS=3 SLURM_STEP_NUM_NODES=2 SLURM_STEP_TASKS_PER_NODE=2,1",
    ],
)
def test_one_of_several_is_not_alone_by_mistake(told: Callable[[str], None], words: str) -> None:
    told(words)
    with pytest.raises(MirageError, match="cannot work on one run together"):
        find_ranks()


def test_steps_of_a_job_meet_apart(
    told: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = set()
    for step in ("1", "2"):
        told(
            STEP.replace("SLURM_STEP_ID=1", f"SLURM_STEP_ID={step}") + "SLURM_STEP_NUM_TASKS=4 "
            "SLURM_STEP_NUM_NODES=2 SLURM_STEP_NODELIST=gpu[07-09,11],cpu1"
        )
        find_ranks()
        assert os.environ["MASTER_ADDR"] == "gpu07"
        ports.add(os.environ["MASTER_PORT"])
        for name in ("MASTER_ADDR", "MASTER_PORT"):
            monkeypatch.delenv(name)
    assert len(ports) == 2


def test_one_process_waits_for_nobody(told: Callable[[str], None]) -> None:
    assert join_ranks() == ALONE and ALONE.is_first
    ALONE.wait()
    assert list(ALONE.share(3)) == [0, 1, 2]


def test_shares_cover_the_work_once() -> None:
    shares = [list(Ranks(rank, 3).share(10)) for rank in range(3)]
    assert sorted(piece for share in shares for piece in share) == list(range(10))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_all_wait_for_the_last_and_end_with_the_first_that_ends(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT.format(folder=str(tmp_path)))
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    ended = subprocess.run(
        [sys.executable, *launcher, str(tmp_path / "script.py")],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.stdout.count("written before the wait") == 2
    assert "another of the 2 processes ended before its work was done" in ended.stdout
    # Not for as long as all may take to come up: one may be busy for longer.
    assert ended.stdout.count("training waits 1:00:00") == 2
    assert ended.returncode != 0
