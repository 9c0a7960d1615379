"""The whole road on a tiny turntable, from the command line, as a person walks it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from tiny.autoencoders import tiny_kl
from tiny.runs import BRIEF, TINY, mirage

from mirage.core.contracts import PoseRing
from mirage.generation import checks as refuse
from mirage.poses.bank import PoseBank
from mirage.sampler.export import load_pipeline

SHORT = [
    *TINY,
    *BRIEF,
    "views.count=4",
    "views.references=2",
    "evaluate.objects=2",
    "evaluate.photos=3",
    "evaluate.views=3",
    "evaluate.turn=4",
]


@pytest.fixture(scope="module")
def run(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole road; its beginning is known to others too, and gone once for all."""
    folder = shutil.copytree(trained, tmp_path_factory.mktemp("runs") / "tiny")
    assert mirage("run", *SHORT, f"run={folder}") == 0
    return folder


def test_every_stage_leaves_its_files(run: Path) -> None:
    for name in (
        "config.yaml",
        "images/manifest.parquet",
        "images/rejected.csv",
        "poses/bank.safetensors",
        "poses/montage.png",
        "poses/ring.png",
        "poses/parts.png",
        "poses/part_masks.png",
        "poses/sizes.png",
        "poses/doubts.png",
        "train/last.ckpt",
        "train/best.ckpt",
        "train/metrics.csv",
        "model/model_index.json",
        "model/bank.safetensors",
        "views/contact_sheet.png",
        "evaluate/figures.json",
        "report/index.html",
    ):
        assert (run / name).exists(), name


def test_assign_reads_saved_photos_as_the_poses_stage_did(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = pq.read_table(run / "poses" / "labels.parquet").to_pylist()[:5]
    root = next((run / "images" / "turntable").iterdir())
    photos = [str(root / row["path"]) for row in labels]
    capsys.readouterr()
    assert mirage("assign", *photos, f"run={run}", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [set(row) for row in found] == [
        {"path", "pose", "azimuth", "azimuth_error", "confidence", "outlier"}
    ] * 5
    assert [row["path"] for row in found] == photos
    assert [row["pose"] for row in found] == [row["pose"] for row in labels]


def test_assign_explains_each_photo_in_a_picture_of_its_own(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two folders hold a photo of the same name; explained again, pictures are drawn over."""
    photos = sorted((run / "images" / "turntable").rglob("[!.]*.png"))[:2]
    for name, photo in zip("ab", photos, strict=True):
        (tmp_path / name).mkdir()
        shutil.copy(photo, tmp_path / name / "car.png")
    (tmp_path / "a" / "broken.png").write_bytes(b"no picture")
    words = ["assign", str(tmp_path / "a"), str(tmp_path / "b"), f"run={run}", "--explain"]
    assert mirage(*words) == 0
    said = capsys.readouterr().out
    assert str(run / "assign") in said and "broken.png" in said
    assert mirage(*words, "--json") == 0
    output = capsys.readouterr()
    pictures = [Path(row["picture"]) for row in json.loads(output.out)]
    assert "broken.png" in output.err
    assert sorted(pictures) == sorted((run / "assign").iterdir()) and len(pictures) == 2
    assert all(min(Image.open(picture).size) > 200 for picture in pictures)


def test_views_json_names_what_was_asked_and_found(run: Path) -> None:
    facts = json.loads(next(run.glob("views/*/views.json")).read_text())
    assert len(facts["views"]) == 4 and facts["mode"] == "soft"
    assert {"pose_asked", "pose_found", "azimuth_asked", "file"} <= set(facts["views"][0])


def _photos_of(run: Path) -> list[Path]:
    return sorted((run / "images" / "turntable").rglob("[!.]*.png"))


def _copy_poses(run: Path, copy: Path) -> Path:
    """The run without its views, to turn other photos in."""
    return shutil.copytree(run, copy, ignore=shutil.ignore_patterns("views", "train"))


def test_a_named_photo_is_turned_from_its_own_azimuth_and_says_how_it_entered(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PoseRing, "closed", True)  # so tiny a run finds an arc only
    copy = _copy_poses(run, tmp_path / "copy")
    photo = _photos_of(run)[0]
    words = ["views", f"run={copy}", f"views.reference={photo}", "reference_pose=1"]
    assert mirage(*words) == 0
    facts = json.loads((copy / "views" / photo.stem / "views.json").read_text())
    assert facts["settings"]["noise"] == "inversion"
    own = facts["reference_azimuth"]
    turned = [view["azimuth_asked"] for view in facts["views"]]
    assert turned == pytest.approx([(own + 90 * i) % 360 for i in range(4)])
    assert facts["views"][0]["pose_asked"] == 1
    before = (copy / "views" / photo.stem / "reference.png").read_bytes()
    listed = ["views.azimuths=[350,0,10]", "views.background=plain", "views.noise=fixed"]
    assert mirage(*words, *listed) == 0
    facts = json.loads((copy / "views" / photo.stem / "views.json").read_text())
    assert [view["azimuth_asked"] for view in facts["views"]] == [350.0, 0.0, 10.0]
    assert facts["settings"]["noise"] == "fixed"
    assert (copy / "views" / photo.stem / "reference.png").read_bytes() != before
    assert mirage(*words, "reference_pose=9") == 1
    assert "0 to 3" in capsys.readouterr().err


def test_in_a_folder_good_photos_are_turned_and_bad_ones_listed(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is good is set here: poses of so tiny a run are not sure of anything."""
    copy, folder = _copy_poses(run, tmp_path / "copy"), tmp_path / "photos"
    folder.mkdir()
    monkeypatch.setattr(refuse, "SURE_ENOUGH", -1.0)
    monkeypatch.setattr(refuse, "CUT_OFF", 1.0)
    monkeypatch.setattr(PoseBank, "outlier_score", lambda self, found: np.full(len(found), -1e9))
    shutil.copy(_photos_of(run)[0], folder / "good.png")
    (folder / "broken.png").write_bytes(b"no picture")
    words = ["views", f"run={copy}", f"views.reference={folder}", "views.noise=fixed"]
    assert mirage(*words) == 1
    said = capsys.readouterr().err
    assert "1 photos are turned, 1 are not" in said and "broken.png" in said
    assert (copy / "views" / "good" / "orbit.gif").exists()
    monkeypatch.setattr(PoseBank, "outlier_score", lambda self, found: np.full(len(found), 1e9))
    assert mirage(*words[:2], f"views.reference={folder / 'good.png'}") == 1
    said = capsys.readouterr().err
    assert "another object" in said and "reference_pose=" in said
    picture = next((copy / "views").glob("refused-good-*.png"))
    assert str(picture) in said and min(Image.open(picture).size) > 200


def test_evaluation_rows_and_its_json_file(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    assert mirage("evaluate", f"run={run}", f"evaluate.json={out}") == 0
    figures = json.loads(out.read_text())
    rows = {row["mode"]: row for row in figures["views"]}
    assert {"none", "soft", "hard", "copy the reference", "nearest training image"} <= set(rows)
    for mode in ("none", "soft", "hard"):
        assert {"psnr", "ssim", "feature_distance", "target_pose_accuracy"} <= set(rows[mode])
        assert rows[mode]["intervals"]["psnr"]["low"] <= rows[mode]["psnr"]
    assert rows["copy the reference"]["colour_distance"] == pytest.approx(0.0)
    assert rows["copy the reference"]["to_reference"] == pytest.approx(1.0)
    assert {"nmi", "purity", "image_azimuth_error"} <= set(figures["poses"])
    assert [row["of"] for row in figures["turn"]["rows"]] == ["soft", "true renders"]


def test_a_folder_of_one_objects_photos_is_turned_once(run: Path, tmp_path: Path) -> None:
    copy, folder = tmp_path / "copy", tmp_path / "photos"
    shutil.copytree(run, copy)
    folder.mkdir()
    photos = sorted((run / "images" / "turntable").rglob("[!.]*.png"))[:3]
    for name, photo in zip("abc", photos, strict=True):
        shutil.copy(photo, folder / f"{name}.png")
    words = ["views", f"run={copy}", f"views.reference={folder}", "views.photos=2"]
    assert mirage(*words, "reference_pose=1") == 0
    views = copy / "views"
    assert {path.name for path in (views / "a").glob("reference*.png")} == {
        "reference.png",
        "reference_2.png",
    }
    assert not (views / "b").exists()
    facts = json.loads((views / "a" / "views.json").read_text())
    assert len(facts["photos"]) == 2
    assert facts["photos"][0]["pose"] == facts["reference_pose"] == 1


def test_refining_turns_photos_once_and_changes_the_model(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "refined"
    shutil.copytree(run, copy)
    words = ["train", f"run={copy}", "refine.steps=2", "refine.photos=5"]
    assert mirage(*words) == 0
    turned = np.load(copy / "refine" / "turned.npy")
    assert turned.shape == (5, 16, 16, 3) and turned.std() > 0
    before, after = (load_pipeline(folder / "model").denoiser for folder in (run, copy))
    pairs = zip(before.parameters(), after.parameters(), strict=True)
    assert any((one != other).any() for one, other in pairs)
    made = [(copy / name).stat().st_mtime_ns for name in ("refine/turned.npy", "refine/last.ckpt")]
    assert mirage(*words) == 0
    names = ("refine/turned.npy", "refine/last.ckpt")
    assert [(copy / name).stat().st_mtime_ns for name in names] == made
    assert mirage("train", f"run={copy}", "refine.steps=0") == 0  # the model before it comes back
    again = load_pipeline(copy / "model").denoiser
    pairs = zip(before.parameters(), again.parameters(), strict=True)
    assert all((one == other).all() for one, other in pairs)


def test_a_model_of_latents_walks_the_same_road(run: Path, tmp_path: Path) -> None:
    """From the same photos and poses, at 32 px through an autoencoder's 8."""
    copy = tmp_path / "latent"
    copy.mkdir()
    for name in ("config.yaml", "images", "poses"):
        source = run / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, copy / name)
    tiny_kl().save_pretrained(tmp_path / "autoencoder")
    words = [
        f"run={copy}",
        f"model.autoencoder={tmp_path / 'autoencoder'}",
        "data.resolution=32",
        "refine.steps=2",
        "refine.photos=3",
    ]
    assert mirage("train", *words) == 0
    (of_mirrors,) = (copy / "images").glob("latents-32-*-mirrored.npy")
    kept, mirrored = np.load(str(of_mirrors).replace("-mirrored", "")), np.load(of_mirrors)
    assert kept.shape == mirrored.shape == (72, 8, 8, 4) and kept.dtype == np.float16
    assert not np.allclose(kept[:, :, ::-1], mirrored, atol=1e-2)
    shutil.rmtree(tmp_path / "autoencoder")  # the exported folder has it
    assert mirage("views", f"run={copy}") == 0
    frame = Image.open(next(copy.glob("views/*/view_000.png")))
    assert frame.size == (32, 32)
    denoiser = load_pipeline(copy / "model").denoiser
    assert denoiser.codec.factor == 4
    x = denoiser.codec.load(torch.from_numpy(kept))
    assert x.std() == pytest.approx(0.5, abs=0.02)
    assert mirage("train", f"run={copy}", f"model.autoencoder={tmp_path}/nothing") == 1


def test_an_ablation_compares_rows_on_objects_of_its_own(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["ablate", f"run={run}", "ablation=steps", "ablation.objects=2", "ablation.views=3"]
    assert mirage(*words) == 0
    folder = run / "evaluate" / "ablations"
    rows = {row["mode"]: row for row in json.loads((folder / "steps.json").read_text())["views"]}
    assert list(rows)[:3] == ["none", "start", "soft"]
    assert rows["none"]["psnr"] != rows["start"]["psnr"] != rows["soft"]["psnr"]
    reported = json.loads((run / "evaluate" / "figures.json").read_text())["views"]
    assert rows["copy the reference"]["psnr"] != reported[-3]["psnr"]  # other objects
    assert f"`mirage ablate ablation=steps run={run}`" in (folder / "steps.md").read_text()
    assert Image.open(folder / "steps.png").width > 100
    before = (folder / "steps.json").stat().st_mtime_ns
    assert mirage(*words) == 0
    assert (folder / "steps.json").stat().st_mtime_ns == before
    assert mirage("ablate", f"run={run}") == 1  # the run does not remember it
    assert "experiments/ablation" in capsys.readouterr().err


def test_a_second_run_does_nothing_again(run: Path) -> None:
    watched = [
        run / "poses" / "bank.safetensors",
        run / "train" / "last.ckpt",
        next(run.glob("views/*/view_000.png")),
    ]
    before = [path.stat().st_mtime_ns for path in watched]
    assert mirage("run", f"run={run}") == 0  # the run remembers its configuration
    assert [path.stat().st_mtime_ns for path in watched] == before


@pytest.mark.e2e
def test_weights_travel_to_a_new_clustering(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "fine"
    words = [f"run={target}", f"pretrained={run / 'model'}", "images.turntable.seed=1"]
    assert mirage("images", *SHORT, *words) == 0
    assert mirage("poses", *SHORT, *words) == 0
    assert "agree" in capsys.readouterr().out
    related = json.loads((target / "poses" / "summary.json").read_text())["pretrained"]
    assert len(related["mapping"]) == 4 and 0 <= related["agreement"] <= 1
    assert mirage("train", *SHORT, *words) == 0
