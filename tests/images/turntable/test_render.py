"""A rendered set is complete, repeats, and goes on after a kill where it was."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mirage.config import TurntableConfig
from mirage.errors import MirageError
from mirage.images.turntable.objects import sample_objects
from mirage.images.turntable.pictures import render
from mirage.images.turntable.render import render_set, sample_azimuths

CONFIG = TurntableConfig(category="mugs", objects=4, views=3, size=24, seed=5, workers=1)


def pictures_in(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*.png"))}


def test_the_table_names_every_picture_with_its_azimuth(tmp_path: Path) -> None:
    table = render_set(CONFIG, tmp_path)
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12 and {row["path"] for row in rows} == set(pictures_in(tmp_path))
    specs = {spec.object_id: spec for spec in sample_objects("mugs", 4, 5)}
    for row in rows[::5]:
        want = render(specs[row["object_id"]], float(row["azimuth"]), 24)
        assert np.array_equal(np.asarray(Image.open(tmp_path / row["path"])), want)


def test_two_processes_make_the_same_bytes_as_one(tmp_path: Path) -> None:
    render_set(CONFIG, tmp_path / "one")
    both = TurntableConfig(category="mugs", objects=4, views=3, size=24, seed=5, workers=2)
    render_set(both, tmp_path / "two")
    assert pictures_in(tmp_path / "one") == pictures_in(tmp_path / "two")


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from mirage.config import TurntableConfig;"
        "from mirage.images.turntable.render import render_set;"
        "render_set(TurntableConfig(category='mugs', objects=60, views=3, size=24, seed=5,"
        f" workers=1), Path({str(tmp_path)!r}))"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30.0
    while len(list(tmp_path.rglob("*.png"))) < 4 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.png")}
    assert 4 <= len(kept) < 180 and not (tmp_path / "objects.csv").exists()
    for path in kept:
        Image.open(path).load()  # no half-written picture under a final name
    config = TurntableConfig(category="mugs", objects=60, views=3, size=24, seed=5, workers=1)
    render_set(config, tmp_path)
    assert len(pictures_in(tmp_path)) == 180
    assert all(path.stat().st_mtime_ns == when for path, when in kept.items())


def test_other_settings_are_refused_in_the_same_folder(tmp_path: Path) -> None:
    render_set(CONFIG, tmp_path)
    other = TurntableConfig(category="mugs", objects=4, views=3, size=32, seed=5, workers=1)
    with pytest.raises(MirageError, match="other settings"):
        render_set(other, tmp_path)


def test_azimuths_depend_on_seed_and_object_and_cover_the_circle() -> None:
    many = TurntableConfig(views=400)
    azimuth = sample_azimuths(many, 0)
    assert np.array_equal(azimuth, sample_azimuths(many, 0))
    assert not np.array_equal(azimuth, sample_azimuths(many, 1))
    counts, _ = np.histogram(azimuth, bins=8, range=(0.0, 360.0))
    assert counts.sum() == 400 and counts.min() > 25
