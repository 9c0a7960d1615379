import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from processes import forked_ranks
from synthetic.rendered_views import CARS, shots, write_views
from synthetic.solids import field_of, van, views_of
from tiny.runs import mirage

from mirage.commands.stages.reconstruct import run
from mirage.config import Config, ShapeConfig
from mirage.core.errors import MirageError
from mirage.generation.kept_object import KeptObject, save_object
from mirage.generation.object_views import settings_of
from mirage.generation.pretrained import find_pretrained
from mirage.runs.folder import RunFolder
from mirage.runs.request import Request
from mirage.shape.reconstruct import Reconstruction, reconstruct
from mirage.shape.views import ObjectViews

ROUND = np.arange(8) * 45.0
FEW = [
    "images.source=turntable",
    "images.turntable.objects=4",
    "images.turntable.views=4",
    "images.turntable.workers=1",
    "images.min_count=8",
]
BRIEF = ["shape.views=8", "shape.voxels=8000", "shape.steps=20", "shape.rays=512"]


def test_without_a_model_it_says_what_is_needed(tmp_path: Path) -> None:
    with pytest.raises(MirageError, match="needs the model"):
        run(Request("reconstruct", given=Config(run=str(tmp_path))))


def test_held_out_photos_without_enough_views_are_turned_first(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, and beside the views that they have."""
    copy, made = shutil.copytree(trained, tmp_path / "copy"), []

    def take(views: ObjectViews, *_: object) -> Reconstruction:
        made.append(len(views))
        raise MirageError("an object of no interest")

    monkeypatch.setattr("mirage.commands.stages.reconstruct.reconstruct", take)
    assert mirage("views", f"run={copy}", "views.count=3", "views.references=2") == 0
    few = sorted((copy / "views").glob("*/views.json"))
    for _ in range(2):
        assert mirage("reconstruct", f"run={copy}", "shape.views=5") == 1
    assert made == [5] * 4
    every = sorted((copy / "views").glob("*/views.json"))
    counts = [len(json.loads(path.read_text())["views"]) for path in every]
    assert len(few) == 2 and sorted(counts) == [3, 3, 5, 5] and set(few) < set(every)


def test_a_photo_that_is_refused_keeps_no_other_from_being_made(
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    copy, photos, made = shutil.copytree(trained, tmp_path / "copy"), tmp_path / "photos", []
    photos.mkdir()
    shutil.copy(next((copy / "images").rglob("turntable/**/[!.]*.png")), photos / "car.png")
    (photos / "torn.png").write_bytes(b"half")

    def take(views: ObjectViews, *_: object) -> Reconstruction:
        made.append(len(views))
        raise MirageError("an object of no interest")

    monkeypatch.setattr("mirage.commands.stages.reconstruct.reconstruct", take)
    words = [f"views.reference={photos}", "shape.views=5", "views.count=3", "reference_pose=1"]
    assert mirage("reconstruct", f"run={copy}", *words) == 1
    said = capsys.readouterr().err
    assert made == [5] and "- car: an object of no interest" in said
    assert "0 objects are made, 2 are not" in said and str(photos / "torn.png") in said


def test_an_object_is_written_with_what_is_known_of_it(tmp_path: Path) -> None:
    views = views_of(field_of(van()), 8, 16, 15.0)
    made = reconstruct(views, settings_of(ShapeConfig(voxels=8_000, steps=8, rays=256)))
    save_object(made, views.azimuth, tmp_path / "car", {"key": "key"})
    names = {path.name for path in (tmp_path / "car").iterdir()}
    assert names == {"object.glb", "object.ply", "turning.gif", "shape.json"}
    facts = json.loads((tmp_path / "car" / "shape.json").read_text())
    assert facts["key"] == "key" and facts["mesh"]["watertight"]
    assert len(facts["views"]) == 8 and len(facts["views"][0]["shift"]) == 2
    assert facts["verdict"].split(":")[0] in ("good", "rough", "not to be trusted")
    assert np.isfinite(facts["elevation"])
    kept = KeptObject.load(tmp_path / "car")
    assert kept.film.shape == (8, 192, 192, 3) and kept.facts == facts
    assert kept.surface.faces.max() < len(kept.surface.vertices) == facts["mesh"]["vertices"]
    (tmp_path / "car" / "object.ply").write_bytes(b"nothing")
    with pytest.raises(MirageError, match="cannot be read"):
        KeptObject.load(tmp_path / "car")


@pytest.fixture(scope="module")
def turned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a model that knows cars, and views of one from all round."""
    run = tmp_path_factory.mktemp("runs") / "turned"
    shutil.copytree(find_pretrained("turntable_cars"), run / "model")
    RunFolder(run).finish("model", "key")
    write_views(run / "views" / "round", shots(CARS[0], ROUND), ROUND)
    return run


def reconstruct_command(run: Path) -> int:
    return mirage("reconstruct", f"run={run}", *BRIEF)


def test_views_of_one_car_from_all_round_make_an_object_once(
    turned: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reconstruct_command(turned) == 0
    assert "reconstruct: 1 objects, good" in capsys.readouterr().out
    written = turned / "shape" / "round" / "object.glb"
    before = written.stat().st_mtime_ns
    assert reconstruct_command(turned) == 0
    assert written.stat().st_mtime_ns == before


def test_what_makes_no_object_is_told_and_keeps_nothing_from_the_rest(
    turned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(turned, tmp_path / "run", ignore=shutil.ignore_patterns("shape"))
    views, arc = run / "views", np.linspace(0.0, 120.0, len(ROUND))
    write_views(views / "arc", shots(CARS[0], arc), arc)
    backdrop = np.full((len(ROUND), 32, 32, 3), (150, 150, 160), np.uint8)
    write_views(views / "empty", backdrop, ROUND)
    others = [shots(CARS[i % 4], ROUND[i : i + 1] + 83.0 * i)[0] for i in range(len(ROUND))]
    write_views(views / "several", np.stack(others), ROUND)
    write_views(views / "torn", shots(CARS[0], ROUND), ROUND)
    (views / "torn" / "view_003.png").write_bytes(b"half")
    assert reconstruct_command(run) == 1
    said = capsys.readouterr().err
    assert "2 objects are made, 3 are not" in said
    assert "- arc: no view looks into 240° of the circle" in said
    assert f"- empty: 0 of {len(ROUND)} views show an object" in said
    assert "- torn: cannot be read" in said
    facts = json.loads((run / "shape" / "several" / "shape.json").read_text())
    assert facts["verdict"].startswith("not to be trusted")
    assert (run / "shape" / "round" / "object.glb").exists()


@pytest.mark.e2e
def test_a_photo_is_turned_and_made_an_object(
    turned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(turned, tmp_path / "run")
    assert mirage("images", *FEW, f"run={run}") == 0  # that the photo is compared with
    Image.fromarray(shots(CARS[1], np.array([40.0]), 128)[0]).save(tmp_path / "car.png")
    words = [f"views.reference={tmp_path / 'car.png'}", "views.sampler.steps=4"]
    assert mirage("reconstruct", f"run={run}", *words, *BRIEF, "views.count=6") == 0
    assert "reconstruct: 1 objects" in capsys.readouterr().out
    assert len(json.loads((run / "views" / "car" / "views.json").read_text())["views"]) == 8
    assert (run / "shape" / "car" / "object.glb").exists()


@pytest.mark.e2e
def test_processes_share_the_objects(turned: Path, tmp_path: Path) -> None:
    run = shutil.copytree(turned, tmp_path / "run", ignore=shutil.ignore_patterns("shape"))
    for name in ("other", "third"):
        write_views(run / "views" / name, shots(CARS[2], ROUND), ROUND)
    (run / "views" / "third" / "view_000.png").write_bytes(b"half")
    done = forked_ranks("reconstruct", f"run={run}", *BRIEF)
    assert done.returncode != 0
    assert done.stderr.count("2 objects are made, 1 are not") >= 1
    made = {path.parent.name for path in run.glob("shape/*/shape.json")}
    assert made == {"round", "other"}
