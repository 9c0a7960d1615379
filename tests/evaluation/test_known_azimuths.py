"""A table of true azimuths: what it may say, and that the run's own photos are held against it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tiny.runs import mirage

from mirage.core.errors import MirageError
from mirage.evaluation.known_azimuths import KnownAzimuths, measure_truth
from mirage.poses.labels import read_azimuths
from mirage.runs.folder import RunFolder


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name,azimuth\na.png,3\n", "path"),
        ("path,elevation\na.png,3\n", "azimuth"),
        ("path,azimuth\n", "no photo"),
        ("path,azimuth\na.png,left\n", "line 2"),
        ("path,azimuth\na.png,inf\n", "'inf' is not a number"),
        ("path,azimuth\na.png,\n", "is not a number"),
        ("path,azimuth\n,3\n", "without a path"),
        ("path,azimuth,elevation\na.png,3,high\n", "elevation"),
        ("path,azimuth\na.png,3\na.png,4\n", "more than once"),
        (b"\xff\xfe\x00\x01", "CSV"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(
    text: str | bytes, told: str, tmp_path: Path
) -> None:
    table = tmp_path / "truth.csv"
    table.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(MirageError, match=told):
        KnownAzimuths.read(table)


def test_a_missing_table_is_told_before_anything_is_measured(
    posed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(posed, tmp_path / "run")
    assert mirage("evaluate", f"run={run}", f"evaluate.truth={run / 'no.csv'}") == 1
    assert "evaluate.truth" in capsys.readouterr().err


def test_an_elevation_may_be_left_out(tmp_path: Path) -> None:
    table = tmp_path / "truth.csv"
    table.write_text("path,azimuth,elevation\na.png,-10,\nb.png,370,5\n")
    known = KnownAzimuths.read(table)
    assert known.azimuth.tolist() == [350.0, 10.0]
    assert np.isnan(known.elevation[0]) and known.elevation[1] == 5.0


def test_labels_are_held_against_the_photos_of_their_name(posed: Path, tmp_path: Path) -> None:
    folder = RunFolder(posed)
    found = read_azimuths(posed / "poses" / "labels.parquet")
    table = tmp_path / "truth.csv"
    rows = [f"{path},{200.0 - azimuth:.4f}" for path, azimuth in reversed(found.items())]
    table.write_text("\n".join(["path,azimuth", *rows[3:], "another.png,3.0"]))
    figures, plot = measure_truth(table, folder, 0)
    assert figures["photos"] == len(found) - 3 and figures["unnamed"] == 3
    assert figures["alignment"]["direction"] == -1
    assert figures["error"]["mean_deg"] < 0.01 and figures["error"]["beyond_15"] == 0.0
    assert plot.width > 300
    table.write_text("path,azimuth\nanother.png,3.0\n")
    with pytest.raises(MirageError, match="names 0 of"):
        measure_truth(table, folder, 0)


def test_evaluate_prints_and_keeps_it_and_the_report_draws_it(
    posed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(posed, run)
    (table,) = (run / "images" / "turntable").glob("*/objects.csv")
    words = ["evaluate.baselines=false", "evaluate.objects=2", "evaluate.photos=2"]
    assert mirage("evaluate", f"run={run}", f"evaluate.truth={table}", *words) == 0
    printed = capsys.readouterr().out
    assert "re-timed by the truth" in printed and "Timing of the circle" in printed
    truth = json.loads((run / "evaluate" / "figures.json").read_text())["poses"]["truth"]
    assert truth["retimed"]["mean_deg"] <= truth["error"]["mean_deg"]
    assert (run / "evaluate" / "azimuths.png").exists()
    assert mirage("report", f"run={run}") == 0
    page = (run / "report" / "index.html").read_text()
    assert "Found and true azimuths" in page and "Timing of the circle" in page


def test_a_table_of_another_program_names_the_same_photos(posed: Path, tmp_path: Path) -> None:
    folder, table = RunFolder(posed), tmp_path / "truth.csv"
    found = list(read_azimuths(posed / "poses" / "labels.parquet").items())
    rows = [
        f"{path.replace('/', chr(92))};{azimuth:.4f}".replace(".", ",", -1).replace(",png", ".png")
        for path, azimuth in found
    ]
    table.write_text("\n".join(["Path;Azimuth", *rows]), encoding="utf-16")
    figures, _ = measure_truth(table, folder, 0)
    assert figures["photos"] == len(found) and figures["error"]["mean_deg"] < 0.01
