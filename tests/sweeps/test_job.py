"""One job, on whichever machine: its reason, and its log."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from mirage.config import Config
from mirage.core.errors import MirageError
from mirage.distributed.ranks import Ranks
from mirage.sweeps.job import run_job


def say(command: str, config: Config) -> None:
    print(command, config.run)
    if command == "poses":
        raise MirageError("too dark", where="photo 3")


def test_a_job_tells_its_reason_and_keeps_what_it_printed(tmp_path: Path) -> None:
    config = Config(run=str(tmp_path / "a"))
    assert run_job(["images"], say, str(tmp_path), config) == ""
    reason = run_job(["images", "poses", "train"], say, str(tmp_path), config)
    assert reason == "too dark (photo 3)"
    lines = (tmp_path / "a" / "log.txt").read_text().splitlines()
    assert lines[:2] == [f"images {config.run}", f"poses {config.run}"]
    assert not any(line.startswith("train") for line in lines)


def test_processes_of_one_job_write_a_log_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Config(run=str(tmp_path / "a"))
    for rank in (0, 1):
        monkeypatch.setattr("mirage.sweeps.job.find_ranks", lambda rank=rank: Ranks(rank, 2))
        run_job(["images"], say, str(tmp_path), config)
    for name in ("log.txt", "log-1.txt"):
        assert (tmp_path / "a" / name).read_text() == f"images {config.run}\n"


def test_a_full_disk_is_no_defect(tmp_path: Path) -> None:
    def fill(command: str, config: Config) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "a.png")

    reason = run_job(["images"], fill, str(tmp_path), Config(run=str(tmp_path / "a")))
    assert reason == "cannot be read or written: No space left on device (a.png)"
    assert "Traceback" not in (tmp_path / "a" / "log.txt").read_text()
