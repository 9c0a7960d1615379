"""What the page says of a run, and what it leaves out where a file is not there."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from synthetic.runs import FOUND, make_gallery, make_run

from mirage.config.load import load_config
from mirage.core.errors import MirageError
from mirage.diagnostics.gallery import GALLERY, Gallery
from mirage.evaluation.figures import FIGURES, TURNED, tables_of
from mirage.evaluation.kept_cases import KeptCase
from mirage.report.run_page import _summary, page_of_run
from mirage.runs.folder import write_json

CHANGED = [
    "train.learning_rate=3e-5",
    "train.steps=77",
    "poses.count=[4,8]",
    "backbone=effnet_lite",
    "images.path=a folder/it's <b>, [x].tar",
    "pretrained='null'",
    "views.guidance.pose.interval=[0.1,2]",
    "train.callbacks.seen={_target_: a.B, folder: c}",
]


def test_all_that_a_run_left_is_on_its_page(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    photo, frames = np.zeros((8, 8, 3), np.uint8), np.zeros((2, 8, 8, 3), np.uint8)
    rows, scores = {"none": frames, "soft": frames + 1}, {"none": {}, "soft": {"psnr": 18.5}}
    turned = KeptCase("car 7", photo, 1, np.array([0.0, 180.0]), np.array([1, 0]), rows, scores)
    turned.save(folder["evaluate"] / TURNED / "00")
    page = page_of_run(load_config([f"run={folder.root}"]), folder)
    (modes,) = page.compared
    assert (modes.name, list(modes.modes)) == ("car 7", ["none", "soft"])
    assert modes.first_scores == {"PSNR, dB": 18.5}
    (orbit,) = page.orbits
    assert (orbit.name, list(orbit.modes), orbit.photo_pose) == ("cars/car.png", ["soft"], 0)
    assert orbit.first_scores == {"azimuth error, °": 10.0, "confidence in the photo’s pose": 0.9}
    (ring,) = page.rings
    assert [len(photos) for photos in ring.photos] == [2, 0, 2]
    (parts,) = page.parts
    assert list(parts.names) == ["part 7", "part 3"]
    (turning,) = page.checkpoints
    assert list(turning.modes) == ["step 10", "step 2"]
    np.testing.assert_array_equal(turning.azimuth, [0, 90, 180, 270])


def test_a_gallery_stands_in_place_of_pictures_and_pictures_where_there_is_none(
    tmp_path: Path,
) -> None:
    folder = make_run(tmp_path / "run")
    config = load_config([f"run={folder.root}"])
    for name in ("ring", "sizes"):
        Image.new("RGB", (8, 8)).save(folder["poses"] / f"{name}.png")
    assert [panel.title for panel in page_of_run(config, folder).poses] == ["Photos a pose"]
    (folder["poses"] / GALLERY).unlink()
    page = page_of_run(config, folder)
    assert [panel.title for panel in page.poses] == ["The ring", "Photos a pose"]
    assert not page.rings and not page.parts


def test_a_gallery_comes_back_as_it_was_and_a_damaged_one_is_told(tmp_path: Path) -> None:
    kept, path = make_gallery(), tmp_path / GALLERY
    kept.save(path)
    for name, value in vars(kept).items():
        np.testing.assert_array_equal(getattr(Gallery.load(path), name), value)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(MirageError, match="cannot be read"):
        Gallery.load(path)


@pytest.mark.parametrize("words", [[], CHANGED, ["experiment=demo"]])
def test_the_command_on_the_page_makes_the_same_configuration(
    words: list[str], tmp_path: Path
) -> None:
    folder = make_run(tmp_path / "run", *words)
    config = load_config([f"run={folder.root}"])
    commands = page_of_run(config, folder).listings[0].text
    command = commands.replace("\\\n", "").splitlines()[0]
    folder.root.rename(tmp_path / "elsewhere")  # what it remembers must not help
    assert load_config(shlex.split(command)[2:]) == config


def test_the_summary_tells_a_circle_from_an_arc() -> None:
    assert "a circle of 3 poses" in _summary(FOUND)
    assert "a circle of 3 poses" in _summary(FOUND | {"span": [0, 360]})
    assert "an arc of 120° with 3 poses" in _summary(FOUND | {"span": [300.0, 420.0]})
    assert "an arc of 120° with 3 poses" in _summary(FOUND | {"span": [300.0, 60.0]})
    assert "no full circle" in _summary(FOUND | {"circle_found": False})
    assert _summary(FOUND | {"outliers": 3}).endswith(
        "ring score 0.91, mean confidence 0.75; 3 outliers."
    )


def test_the_page_has_the_tables_that_evaluate_prints(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    errors = {"median_deg": 5.5, "p90_deg": 12.0, "beyond_90": 0.01}
    figures = {
        "poses": FOUND | {"image_azimuth_error": errors, "pose_azimuth_error": errors},
        "views": [{"mode": "soft", "psnr": 20.0, "within": 1.0}],
    }
    write_json(folder["evaluate"] / FIGURES, figures)
    page = page_of_run(load_config([f"run={folder.root}"]), folder)
    assert [table.title for table in page.tables] == [
        "Poses",
        "Error of a photo's azimuth",
        "Views against the truth",
    ]
    assert page.tables == tables_of(figures)
