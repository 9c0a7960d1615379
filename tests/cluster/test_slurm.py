"""What became of jobs, as squeue and their files tell it; without a Slurm."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mirage.cluster import slurm
from mirage.cluster.slurm import as_from_outside


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The naps between looks at the queue, none of which takes any time."""
    taken: list[float] = []
    monkeypatch.setattr(slurm.time, "sleep", taken.append)
    monkeypatch.setattr(slurm.time, "monotonic", lambda: sum(taken))
    return taken


def job_of(folder: Path) -> Any:
    paths = SimpleNamespace(folder=folder, result_pickle=folder / "7_0_result.pkl")
    first = SimpleNamespace(paths=paths, _get_outcome_and_result=lambda: ("success", "done"))
    return SimpleNamespace(job_id="7", task=lambda rank: first)


def test_a_job_that_told_what_it_failed_of_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, naps: list[float]
) -> None:
    monkeypatch.setattr(slurm, "_states", lambda: {"7": "FAILED"})
    (tmp_path / "7_1_log.out").write_text("poses: 1/9\nmirage: too dark\n")
    assert slurm.wait_for([job_of(tmp_path)]) == [(None, "ended as FAILED")]
    assert naps == [] and slurm.complaint(tmp_path, "7") == "too dark"


@pytest.mark.parametrize("state", ["FAILED", "COMPLETED", "CANCELLED"])
def test_what_a_silent_job_wrote_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, naps: list[float], state: str
) -> None:
    """Its file may come to be seen late; but not for ever."""
    monkeypatch.setattr(slurm, "_states", lambda: {"7": state})
    assert slurm.wait_for([job_of(tmp_path)]) == [(None, f"ended as {state}")]
    assert sum(naps) >= slurm._FOR_FILES
    naps.clear()

    def states() -> dict[str, str]:
        if sum(naps) >= slurm._FOR_FILES / 2:
            (tmp_path / "7_0_result.pkl").touch()
        return {"7": state}

    monkeypatch.setattr(slurm, "_states", states)
    assert slurm.wait_for([job_of(tmp_path)]) == [("done", "")]


def test_a_job_typed_in_a_job_is_one_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "SLURM_JOB_ID": "1",
        "SLURM_MEM_PER_NODE": "100",
        "SLURM_NTASKS_PER_NODE": "4",
        "SLURM_CONF": "kept",
        "SBATCH_ACCOUNT": "mine",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with as_from_outside():
        assert {name for name in given if name in os.environ} == {"SLURM_CONF", "SBATCH_ACCOUNT"}
    assert {name: os.environ[name] for name in given} == given
