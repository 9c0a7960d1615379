"""Processes that share a command: who they are, that they wait, and how they end together."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from processes import PATIENCE

from mirage.ranks import ALONE, Ranks, find_ranks, join_ranks

SCRIPT = """
import os, signal, sys, time
from pathlib import Path
from mirage.errors import MirageError
from mirage.ranks import join_ranks
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


def test_one_process_is_alone_and_waits_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WORLD_SIZE", "SLURM_NTASKS"):
        monkeypatch.delenv(name, raising=False)
    assert find_ranks() == join_ranks() == ALONE and ALONE.is_first
    ALONE.wait()
    assert list(ALONE.share(3)) == [0, 1, 2]


def test_shares_cover_the_work_once() -> None:
    shares = [list(Ranks(rank, 3).share(10)) for rank in range(3)]
    assert sorted(piece for share in shares for piece in share) == list(range(10))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_srun_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {
        "SLURM_NTASKS": "4", "SLURM_NTASKS_PER_NODE": "2", "SLURM_PROCID": "3",
        "SLURM_LOCALID": "1", "SLURM_JOB_NAME": "poses", "SLURM_JOB_ID": "1234",
        "SLURM_NODELIST": "node[1-2]",
    }  # fmt: skip
    for name, value in facts.items():
        monkeypatch.setenv(name, value)
    for name in ("MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    assert find_ranks() == Ranks(3, 4, 1, 2)


def test_all_wait_for_the_last_and_end_with_the_first_that_ends(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT.format(folder=str(tmp_path)))
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    ended = subprocess.run(
        [sys.executable, *launcher, str(tmp_path / "script.py")],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert ended.stdout.count("written before the wait") == 2
    assert "another of the 2 processes ended before its work was done" in ended.stdout
    # Not for as long as all may take to come up: one may be busy for longer.
    assert ended.stdout.count("training waits 1:00:00") == 2
    assert ended.returncode != 0
