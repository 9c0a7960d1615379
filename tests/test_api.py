"""What Python gives is what the commands give, and nothing is written."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny.runs import mirage

from mirage import Mirage, MirageError
from mirage.config.load import load_config, save_config
from mirage.core.contracts import PoseRing
from mirage.generation import checks as refuse
from mirage.images.turntable.objects import sample_objects
from mirage.images.turntable.pictures import render
from mirage.metrics.views import psnr
from mirage.poses.bank import PoseBank

TURN = ["views.count=4", "views.seed=3", "reference_pose=1"]
SAME: dict[str, Any] = {"count": 4, "seed": 3, "reference_pose": 1}


@pytest.fixture(scope="module")
def run(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shutil.copytree(trained, tmp_path_factory.mktemp("runs") / "tiny")


@pytest.fixture(scope="module")
def photos(run: Path) -> list[Path]:
    table = json.loads((run / "images" / "source.json").read_text())["path"]
    return sorted((run / "images" / table).parent.rglob("[!.]*.png"))[:3]


@pytest.fixture(scope="module")
def learned(run: Path) -> Mirage:
    return Mirage.load(run)


def test_importing_the_package_loads_no_library() -> None:
    loaded = "import sys, mirage; print(sorted({'torch', 'numpy', 'PIL'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
    with pytest.raises(ImportError):
        from mirage import Mirror  # type: ignore[attr-defined]  # noqa: F401


def test_poses_are_those_of_assign(
    learned: Mirage, run: Path, photos: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert mirage("assign", *map(str, photos), f"run={run}", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    found = learned.poses(photos)
    for name in ("pose", "azimuth", "confidence", "outlier"):
        assert getattr(found, name).tolist() == [row[name] for row in rows]


def test_views_are_those_of_views_whether_a_file_or_a_picture_is_given(
    learned: Mirage, run: Path, photos: list[Path]
) -> None:
    assert mirage("views", f"views.reference={photos[0]}", *TURN, f"run={run}") == 0
    folder = run / "views" / photos[0].stem
    facts = json.loads((folder / "views.json").read_text())
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    with Image.open(photos[0]) as picture:
        for given in (photos[0], str(photos[0]), picture):
            views = learned.orbit(given, **SAME)
            assert [np.asarray(image).tolist() for image in views.images] == [
                np.asarray(Image.open(folder / row["file"])).tolist() for row in facts["views"]
            ]
            assert views.azimuth.tolist() == [row["azimuth_asked"] for row in facts["views"]]
            assert views.pose.tolist() == [row["pose_asked"] for row in facts["views"]]
            for name in ("azimuth", "pose", "confidence"):
                found = [row.get(f"{name}_found", row.get(name)) for row in facts["views"]]
                assert getattr(views.found, name).tolist() == found
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


def test_what_was_learned_outlives_the_photos(
    run: Path, photos: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Photos that are read and turned are new ones."""
    bereft = shutil.copytree(run, tmp_path / "bereft", ignore=shutil.ignore_patterns("turntable"))
    about = bereft / "images" / "source.json"
    about.write_text(json.dumps(json.loads(about.read_text()) | {"path": "/gone/photos.csv"}))
    learned = Mirage.load(bereft)
    assert learned.poses(photos).pose.tolist() == Mirage.load(run).poses(photos).pose.tolist()
    asked: dict[str, Any] = SAME | {"placement": "keep"}
    frames = Mirage.load(run).orbit(photos[0], **asked).frames
    assert np.array_equal(learned.orbit(photos[0], **asked).frames, frames)
    assert mirage("assign", str(photos[0]), "--explain", f"run={bereft}") == 0
    words = [*TURN, "views.placement=keep", f"views.reference={photos[0]}", f"run={bereft}"]
    assert mirage("views", *words) == 0
    capsys.readouterr()
    assert mirage("views", f"run={bereft}") == 1  # of held-out photos, which are needed
    assert "images.path=PATH" in capsys.readouterr().err


def test_views_tell_how_good_they_are(learned: Mirage, photos: list[Path]) -> None:
    views = learned.orbit(photos[0], azimuths=np.array([10, 20, 30]), reference_pose=2)
    assert len(views.images) == 3 and views.frames.shape == (3, 16, 16, 3)
    difference = abs(views.found.azimuth - views.azimuth)
    assert views.azimuth_error == pytest.approx(np.minimum(difference, 360 - difference))
    assert ((views.colour_distance >= 0) & (views.colour_distance <= 1)).all()
    both = learned.orbit(photos[:2], azimuths=[10], reference_pose=2)
    assert len(both.reference.photos) == 2


def test_an_exported_folder_reads_and_turns_too(
    learned: Mirage, run: Path, photos: list[Path]
) -> None:
    exported = Mirage.load(run / "model")
    assert exported.poses(photos).azimuth.tolist() == learned.poses(photos).azimuth.tolist()
    asked: dict[str, Any] = SAME | {"sampler": {"steps": 3}}
    as_framed = learned.orbit(photos[0], placement="keep", **asked)
    assert np.array_equal(exported.orbit(photos[0], **asked).frames, as_framed.frames)


def test_an_exported_folder_makes_photos_squares_as_its_run_did(
    run: Path, photos: list[Path], tmp_path: Path
) -> None:
    cropped = shutil.copytree(run, tmp_path / "cropped")
    facts = json.loads((cropped / "images" / "source.json").read_text())
    (cropped / "images" / "source.json").write_text(json.dumps(facts | {"fit": "crop"}))
    shutil.rmtree(cropped / "model")
    assert mirage("train", f"run={cropped}") == 0  # it is trained: exports only
    wide = Image.open(photos[0]).convert("RGB").resize((96, 32))
    asked: dict[str, Any] = SAME | {"sampler": {"steps": 3}, "placement": "keep"}
    in_run, exported = Mirage.load(cropped), Mirage.load(cropped / "model")
    assert exported.poses(wide).azimuth.tolist() == in_run.poses(wide).azimuth.tolist()
    frames = exported.orbit(wide, **asked).frames
    assert np.array_equal(frames, in_run.orbit(wide, **asked).frames)
    padded = Mirage.load(run / "model").orbit(wide, **asked).frames
    assert not np.array_equal(frames, padded)


def test_shipped_weights_are_loaded_by_name(photos: list[Path]) -> None:
    cars = Mirage.load("turntable_cars")
    views = cars.orbit(photos[0], count=2, sampler={"steps": 2}, mode="start", reference_pose=0)
    assert [image.size for image in views.images] == [(128, 128)] * 2
    assert len(cars.poses(photos)) == 3


@pytest.mark.parametrize("category", ["cars", "chairs"])
def test_shipped_weights_turn_what_they_learned(category: str) -> None:
    """Of objects that nothing has seen, views are nearer to the truth than the picture is."""
    weights, gained = Mirage.load(f"turntable_{category}"), []
    for spec in sample_objects(category, 3, 5, "evaluate"):
        picture = render(spec, 35.0, 128)
        views = weights.orbit(Image.fromarray(picture), count=4, sampler={"steps": 12}).frames[1:]
        # Which way round the ring grows is not known of poses that were found.
        turns = [
            [render(spec, 35.0 + way * turn, 128) for turn in (90, 180, 270)] for way in (1, -1)
        ]
        copied = np.broadcast_to(picture, views.shape)
        gained.append([(psnr(views, true) - psnr(copied, true)).mean() for true in np.array(turns)])
    assert max(np.mean(gained, axis=0)) > 2.0  # dB; 3.8 and 3.4 were measured


def test_shipped_weights_turn_mugs_one_way_round() -> None:
    """A mug from behind is nearly the mug itself, so the handle has to tell."""
    weights, ahead = Mirage.load("turntable_mugs"), []
    for spec in sample_objects("mugs", 3, 5, "evaluate"):
        picture = render(spec, 35.0, 128)
        views = weights.orbit(Image.fromarray(picture), count=4, sampler={"steps": 12}).frames[1::2]
        one, other = (
            psnr(views, np.array([render(spec, 35.0 + way * turn, 128) for turn in (90, 270)]))
            for way in (1, -1)
        )
        ahead.append((one - other).mean())
    assert abs(np.mean(ahead)) > 0.5  # dB


def test_bad_photos_and_settings_are_refused_in_words(
    learned: Mirage, photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    for ask in (learned.poses, learned.orbit):
        for given, says in (
            (tmp_path / "broken.png", "broken.png"),
            (tmp_path / "none.png", "No such file"),
            (tmp_path, "directory"),
            ([], "no photo"),
        ):
            with pytest.raises(MirageError, match=says):
                ask(given)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"seeds": 1}, "views.seed"),
        ({"count": "many"}, "views.count"),
        ({"count": 0}, "count"),
        ({"reference_pose": 9}, "0 to 3"),
        ({"azimuths": []}, "no azimuth"),
    ]
    for settings, says in wrong:
        with pytest.raises(MirageError, match=says):
            learned.orbit(photos[0], **settings)
    monkeypatch.setattr(refuse, "SURE_ENOUGH", 2.0)
    with pytest.raises(MirageError, match="no pose is sure"):
        learned.orbit(photos[0], placement="keep")


def test_what_is_not_there_yet_is_told(posed: Path, photos: list[Path], tmp_path: Path) -> None:
    with pytest.raises(MirageError, match="mirage train"):
        Mirage.load(posed).orbit(photos[0])
    assert len(Mirage.load(posed).poses(photos[0])) == 1
    with pytest.raises(MirageError, match="turntable_cars"):
        Mirage.load(tmp_path)
    with pytest.raises(MirageError, match="there is no"):
        Mirage.load("runs/nowhere")


def test_views_go_round_from_the_photos_own_azimuth(
    learned: Mirage, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PoseRing, "closed", True)  # so tiny a run finds an arc only
    views = learned.orbit(photos[0], count=3, reference_pose=1)
    own = views.reference.first.azimuth
    assert views.azimuth == pytest.approx([(own + 120 * i) % 360 for i in range(3)])


def test_the_readmes_example_runs(
    run: Path,
    photos: list[Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is good is set here: poses of so tiny a run are not sure of anything."""
    monkeypatch.setattr(refuse, "SURE_ENOUGH", -1.0)
    monkeypatch.setattr(refuse, "CUT_OFF", 1.0)
    monkeypatch.setattr(PoseBank, "outlier_score", lambda self, found: np.full(len(found), -1e9))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "demo").symlink_to(run)
    shutil.copy(photos[0], "car.jpg")
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    (example,) = [
        block
        for block in re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
        if "from mirage import Mirage" in block
    ]
    exec(example, {})
    said = capsys.readouterr().out
    assert said.count("asked for") == 24 and "seen from" in said
    assert list(tmp_path.glob("view_*.png"))


@pytest.mark.parametrize("name", ["2024_05_01", "12:30", "a=b #2", "~/mine"])
def test_a_run_is_opened_by_the_name_it_has(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    save_config(load_config([f"run={name}", "poses.count=7"]))
    learned = Mirage.load(name)
    assert learned.config.poses.count == 7
    assert learned.folder is not None and learned.folder.root.exists()
