"""Runs side by side, from the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from synthetic.runs import make_run
from tiny.runs import mirage

from mirage.commands.compare import _directions, _named
from mirage.runs.folder import LABELS_FILE, RunFolder


def test_runs_of_one_photo_stand_side_by_side_with_the_settings_that_differ(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, steps in [("one", 5), ("two", 9)]:
        make_run(tmp_path / name, f"train.steps={steps}")
    words = [str(tmp_path / "one"), str(tmp_path / "two")]
    assert mirage("compare", *words, f"run={tmp_path / 'page'}") == 0
    path = tmp_path / "page" / "index.html"
    assert capsys.readouterr().out == f"compare: 2 runs → {path}\n"
    html = path.read_text()
    assert html.count('<article class="orbit card"') == 1
    assert "one · soft" in html and "two · soft" in html
    assert '<th scope="row">train.steps</th><td class="text">5</td><td class="text">9</td>' in html
    assert '<th scope="row">views.mode</th>' not in html


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "nothing to compare"),
        (["one"], "nothing to compare"),
        (["one", "./one"], "nothing to compare"),
        (["one", "none"], "no run"),
        (["one", "two", "train.steps=3"], "train.steps=3"),
        (["one", "two", "--explain"], "--explain"),
    ],
)
def test_what_cannot_be_compared_is_told(
    words: list[str],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    make_run(Path("one"))
    assert mirage("compare", *words) == 1
    assert says in capsys.readouterr().err
    assert not Path("runs").exists()


def test_the_direction_of_a_ring_is_told_by_photos_that_runs_share(tmp_path: Path) -> None:
    azimuth = np.random.default_rng(0).uniform(0, 360, 60)
    runs = {"one": azimuth, "against": 70 - azimuth, "along": azimuth - 50, "few": -azimuth[:9]}
    folders = {}
    for run, degrees in runs.items():
        folders[run] = folder = RunFolder(tmp_path / run)
        names = [f"{i}.png" for i in range(len(degrees))]
        table = {"path": names, "azimuth": np.mod(degrees, 360.0)}
        folder["poses"].mkdir(parents=True)
        pq.write_table(pa.table(table), folder["poses"] / LABELS_FILE)
    folders["none"] = RunFolder(tmp_path / "none")
    assert _directions(folders) == {"one": 1, "against": -1, "along": 1, "few": 1, "none": 1}


def test_runs_are_named_by_what_tells_them_apart() -> None:
    roots = [Path("/a/x/run"), Path("/a/y/run"), Path("/b/y/other")]
    assert list(_named(roots)) == ["x/run", "y/run", "y/other"]
    assert list(_named(roots[1:])) == ["run", "other"]
