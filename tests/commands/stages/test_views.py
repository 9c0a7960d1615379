"""The folders that views are kept in: one a photo, whatever it is called and from where."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tiny.runs import mirage

from mirage.generation.kept_views import read_orbit

TURN = ["views.count=3", "views.sampler.steps=2", "reference_pose=1"]


@pytest.fixture(scope="module")
def run(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shutil.copytree(trained, tmp_path_factory.mktemp("runs") / "tiny")


def of_photo(run: Path) -> dict[str, tuple[str, int]]:
    """Photo → its folder, and when its views were made."""
    found = [(path, json.loads(path.read_text())) for path in run.glob("views/*/views.json")]
    return {
        facts["reference"]: (path.parent.name, path.stat().st_mtime_ns) for path, facts in found
    }


def test_photos_of_one_name_keep_a_folder_each(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = sorted((run / "images").rglob("turntable/**/[!.]*.png"))
    photos = [tmp_path / name for name in ("a/car.png", "b/car.png", "c/Car.png")]
    for photo, picture in zip(photos, pictures, strict=False):
        photo.parent.mkdir()
        shutil.copy(picture, photo)
        assert mirage("views", f"views.reference={photo}", *TURN, f"run={run}") == 0
    made = of_photo(run)
    assert [name in made for name in map(str, photos)] == [True] * 3
    assert made[str(photos[0])][0] == "car" and len({name for name, _ in made.values()}) == 3
    monkeypatch.chdir(tmp_path / "a")  # the same photos, named otherwise: nothing is turned again
    for name in ("car.png", "../b/car.png"):
        assert mirage("views", f"views.reference={name}", *TURN, f"run={run}") == 0
    assert of_photo(run) == made


def test_a_folder_that_held_out_photos_have_is_not_given_to_another(
    run: Path, tmp_path: Path
) -> None:
    shutil.copy(next((run / "images").rglob("turntable/**/[!.]*.png")), tmp_path / "heldout-1.png")
    photo = tmp_path / "heldout-1.png"
    assert mirage("views", f"views.reference={photo}", *TURN, f"run={run}") == 0
    assert of_photo(run)[str(photo)][0] != "heldout-1"


def test_what_bounds_memory_makes_no_views_anew(run: Path, tmp_path: Path) -> None:
    photo = shutil.copy(next((run / "images").rglob("turntable/**/[!.]*.png")), tmp_path / "b.png")
    words = ["views", f"views.reference={photo}", *TURN, f"run={run}"]
    assert mirage(*words) == 0
    made = of_photo(run)[str(photo)]
    assert mirage(*words, "views.sampler.chunk=3") == 0
    assert of_photo(run)[str(photo)] == made


def test_views_of_which_some_were_replaced_do_not_count(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = shutil.copy(next((run / "images").rglob("turntable/**/[!.]*.png")), tmp_path / "k.png")
    words = ["views", f"views.reference={photo}", *TURN, f"run={run}"]
    assert mirage(*words) == 0
    with monkeypatch.context() as patched:
        patched.setattr("mirage.generation.kept_views.save_gif", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            mirage(*words, "views.seed=1")
    assert mirage(*words) == 0  # makes them anew
    assert read_orbit(run / "views" / of_photo(run)[str(photo)][0]).frames.shape[0] == 3
