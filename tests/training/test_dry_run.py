"""A dry run says what a training would take, and leaves everything as it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tiny.runs import mirage


def files(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_it_tells_and_leaves_no_trace(posed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(posed)
    words = [
        "launcher=slurm",
        "launcher.nodes=2",
        "launcher.partition=long",
        "train.steps=1000",
        "refine.steps=20",
    ]
    assert mirage("train", f"run={posed}", "dry_run=true", *words) == 0
    said = capsys.readouterr().out
    assert files(posed) == before
    assert "4 of 8 photos, 16 px" in said and "of 2 process(es)" in said
    rate, both = re.findall(r"([\d.]+) images/s, ([\d.]+) of all", said)[0]
    assert float(rate) > 0 and float(both) == pytest.approx(2 * float(rate), rel=0.01)
    assert "#SBATCH --partition=long" in said and "#SBATCH --nodes=2" in said
    clocks = re.findall(r"(\d+):(\d\d):(\d\d)", said)
    whole, *parts = [3600 * int(h) + 60 * int(m) + int(s) for h, m, s in clocks]
    assert len(parts) == 5 and abs(whole - sum(parts)) <= len(parts)
    seconds = float(re.findall(r"in ([\d.]+) s:", said)[0])
    assert parts[1] == pytest.approx(1000 * seconds, abs=1.5)


def test_what_cannot_be_tried_is_refused(
    posed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mirage("train", f"run={tmp_path / 'none'}", "dry_run=true") == 1
    assert "mirage poses" in capsys.readouterr().err
    assert mirage("views", f"run={posed}", "dry_run=true") == 1
    assert "it is for `mirage train`" in capsys.readouterr().err
    launcher = ["launcher.nodes=3", "dry_run=true"]
    assert mirage("train", f"run={posed}", *launcher) == 1
    assert "cannot be shared out evenly to 3 processes" in capsys.readouterr().err
