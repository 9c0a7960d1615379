"""A rendered set is complete, repeats, and goes on after a kill where it was."""

from __future__ import annotations

import csv
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from processes import PATIENCE

from mirage.config import TurntableConfig
from mirage.core.errors import MirageError
from mirage.images.turntable.objects import sample_objects
from mirage.images.turntable.pictures import render
from mirage.images.turntable.render import name_set, render_set, sample_azimuths

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


SCRIPT = """
from pathlib import Path
from mirage.config import TurntableConfig
from mirage.images.turntable.render import render_set
config = TurntableConfig(category="mugs", objects=60, views=3, size=24, seed=5, workers={workers})
if {guard}:
    render_set(config, Path({folder!r}))
"""
GUARD = '__name__ == "__main__"'


def start_script(path: Path, folder: Path, workers: int, guard: str) -> subprocess.Popen[str]:
    path.write_text(SCRIPT.format(workers=workers, guard=guard, folder=str(folder)))
    return subprocess.Popen([sys.executable, str(path)], stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.e2e), 2])
def test_a_killed_run_goes_on_where_it_was(tmp_path: Path, workers: int) -> None:
    folder = tmp_path / "set"
    child = start_script(tmp_path / "script.py", folder, workers, GUARD)
    deadline = time.monotonic() + 60.0
    while len(list(folder.rglob("*.png"))) < 4 and time.monotonic() < deadline:
        time.sleep(0.02)
    child.kill()  # it alone: its workers have to notice
    child.communicate()  # ends when the workers have closed their end of stderr too
    kept = {path: path.stat().st_mtime_ns for path in folder.rglob("*.png")}
    assert 4 <= len(kept) < 180 and not (folder / "objects.csv").exists()
    for path in kept:
        Image.open(path).load()  # no half-written picture under a final name
    config = TurntableConfig(category="mugs", objects=60, views=3, size=24, seed=5, workers=1)
    render_set(config, folder)
    assert len(pictures_in(folder)) == 180
    assert all(path.stat().st_mtime_ns == when for path, when in kept.items())


def test_a_script_without_a_guard_is_told_so_and_ends(tmp_path: Path) -> None:
    child = start_script(tmp_path / "script.py", tmp_path / "set", workers=2, guard="True")
    _, errors = child.communicate(timeout=PATIENCE)
    assert child.returncode == 1
    assert "MirageError: a rendering process ended" in errors and "__main__" in errors
    assert "spawn_main" not in errors  # the workers themselves are silent


def test_other_settings_are_refused_in_the_same_folder(tmp_path: Path) -> None:
    render_set(CONFIG, tmp_path)
    other = TurntableConfig(category="mugs", objects=4, views=3, size=32, seed=5, workers=1)
    with pytest.raises(MirageError, match="other settings"):
        render_set(other, tmp_path)


@pytest.mark.parametrize(
    "change",
    [{"variant": "textured"}, {"azimuths": [-60.0, 60.0]}, {"density": [[45.0, 20.0, 0.3]]}],
)
def test_other_pictures_have_another_folder_and_are_refused_in_the_same(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    render_set(replace(CONFIG, objects=1, views=1), tmp_path)
    other = replace(CONFIG, objects=1, views=1, **change)
    with pytest.raises(MirageError, match="other settings"):
        render_set(other, tmp_path)
    assert name_set(other) != name_set(CONFIG)


def test_a_set_begun_before_there_were_variants_goes_on(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"category": "mugs", "size": 24, "seed": 5}')
    assert render_set(replace(CONFIG, objects=1, views=1), tmp_path).exists()


@pytest.mark.parametrize("arc", [[-60.0, 60.0], [30.0, 150.0], [300.0, 400.0]])
def test_azimuths_of_an_arc_fill_it_and_stay_in_it(arc: list[float]) -> None:
    azimuth = sample_azimuths(TurntableConfig(views=400, azimuths=arc), 0)
    assert ((azimuth >= 0.0) & (azimuth < 360.0)).all()
    along = (azimuth - arc[0]) % 360.0
    counts, _ = np.histogram(along, bins=4, range=(0.0, arc[1] - arc[0]))
    assert counts.sum() == 400 and counts.min() > 50


@pytest.mark.parametrize("arc", [[60.0, -60.0], [0.0, 361.0], [0.0], [5.0, 5.0]])
def test_what_is_no_arc_is_refused(arc: list[float]) -> None:
    with pytest.raises(MirageError, match="is not an arc"):
        TurntableConfig(azimuths=arc)


def test_azimuths_depend_on_seed_and_object_and_cover_the_circle() -> None:
    many = TurntableConfig(views=400)
    azimuth = sample_azimuths(many, 0)
    assert np.array_equal(azimuth, sample_azimuths(many, 0))
    assert not np.array_equal(azimuth, sample_azimuths(many, 1))
    counts, _ = np.histogram(azimuth, bins=8, range=(0.0, 360.0))
    assert counts.sum() == 400 and counts.min() > 25


def test_a_density_draws_its_share_of_the_views_about_its_azimuths() -> None:
    even, uneven = (
        TurntableConfig(views=4000, density=peaks)
        for peaks in ([], [[45, 20, 0.3], [315, 20, 0.3]])
    )
    azimuth = sample_azimuths(uneven, 0)
    near = [(np.abs((azimuth - at + 180.0) % 360.0 - 180.0) <= 20.0).mean() for at in (45, 315)]
    np.testing.assert_allclose(near, 0.3 + 0.4 * 40.0 / 360.0, atol=0.03)
    # What is not at a peak is where it would be without one.
    kept = azimuth == sample_azimuths(even, 0)
    assert 0.36 < kept.mean() < 0.44


@pytest.mark.parametrize(
    "peaks", [[[45, 20]], [45, 20, 0.3], [[45, 0, 0.3]], [[45, 20, "x"]], [[0, 9, 0.6]] * 2]
)
def test_what_is_no_density_is_refused(peaks: list[Any]) -> None:
    with pytest.raises(MirageError, match=r"images\.turntable\.density"):
        TurntableConfig(density=peaks)
