"""What the commands of a whole run leave in W&B, offline: whole, named, and linked."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from offline_runs import OfflineRun, read_runs
from PIL import Image
from synthetic.solids import field_of, van, views_of
from tiny.runs import TINY_AUTOENCODER, mirage

from mirage.config import Config, PosesConfig
from mirage.config.load import load_config
from mirage.generation.kept_object import save_object
from mirage.runs.folder import RunFolder
from mirage.shape.fit import FitSettings
from mirage.shape.reconstruct import reconstruct
from mirage.tracking.names import LOGGED
from mirage.tracking.provenance import find_code, provenance
from mirage.tracking.record import record_evaluation, record_objects, record_poses

# One step in ten is logged; a second part of training, so that all there is to log is logged.
WORDS = [
    "train.steps=10",
    "train.validate_every=5",
    "refine.steps=10",
    "refine.photos=8",
    "views.count=3",
    "views.references=2",
    "views.sampler.steps=2",
]
SMALL = FitSettings((8_000,), steps=4, rays=64)
ENDS = {"low": -0.5, "high": 1.5}
FIGURES: dict[str, Any] = {
    "poses": {"ring_score": 0.75, "circle_found": True, "image_azimuth_error": {"median_deg": 4}},
    "views": [
        {"mode": "soft", "psnr": 20.5, "forwards": 12, "intervals": {"psnr": ENDS}},
        {"mode": "copy the reference", "psnr": 17.0, "intervals": {"psnr": ENDS}},
    ],
    "differences": [
        {"of": "soft", "minus": "copy the reference", "psnr": 3.5, "intervals": {"psnr": ENDS}}
    ],
}


@pytest.fixture(scope="module")
def run(posed: Path, recorded: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Found, trained, turned, and as if it had been measured."""
    copy = shutil.copytree(posed, tmp_path_factory.mktemp("recorded") / "cars")
    config, folder = load_config([*WORDS, f"run={copy}"]), RunFolder(copy)
    record_poses(config, folder)
    assert mirage("autoencoder", f"run={copy}", *WORDS, *TINY_AUTOENCODER) == 0
    for command in ("train", "views"):
        assert mirage(command, f"run={copy}", *WORDS) == 0
    files = [folder["evaluate"] / name for name in ("figures.json", "tables.md")]
    for file in files:
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(FIGURES))
    picture = folder["evaluate"] / "reliability.png"
    Image.new("RGB", (30, 20), "white").save(picture)
    made = reconstruct(views_of(field_of(van()), 8, 16, 15.0), SMALL)
    save_object(made, made.views.azimuth, folder["shape"] / "van", {"key": "key"})
    record_objects(config, folder, [folder["shape"] / "van"])
    record_evaluation(config, folder, "0123456789", FIGURES, files, [picture])
    return copy


@pytest.fixture(scope="module")
def runs(run: Path) -> list[OfflineRun]:
    return read_runs(run)


def of(runs: list[OfflineRun], job: str) -> list[OfflineRun]:
    return [run for run in runs if run.about["job"] == job]


def test_names_are_those_of_the_list_and_the_other_way_round(runs: list[OfflineRun]) -> None:
    found = {(run.about["job"], name) for run in runs for name in run.names}
    for job, name in found:
        assert any(item.matches(name) and job in item.jobs for item in LOGGED), (job, name)
    jobs = {job for job, _ in found}
    # What is measured joins the training.
    assert jobs == {"autoencoder", "poses", "train", "views", "shape"}
    for item in LOGGED:
        if item.name == "poses/stability":  # their number was not chosen, it was asked for
            continue
        for job in jobs & set(item.jobs):
            assert any(item.matches(name) for other, name in found if other == job), item.name


def test_all_that_syncing_reads_is_in_the_runs_folder(run: Path, runs: list[OfflineRun]) -> None:
    for recorded in runs:
        for file in recorded.files():
            assert file.is_file() and file.is_relative_to(run), file


def test_each_run_stands_on_the_one_before(runs: list[OfflineRun]) -> None:
    found, trained, refined, viewed = (
        {key: value for part in runs for key, value in part.config.items()}
        for runs in (
            of(runs, "poses"),
            *(
                [r for r in of(runs, "train") if f"/{stage}/" in str(r.file)]
                for stage in ("train", "refine")
            ),
            of(runs, "views"),
        )
    )
    assert trained["uses_poses"] == refined["uses_poses"] == found["logs_poses"]
    assert viewed["uses_model"] == trained["uses_model"] == refined["logs_model"]
    assert "logs_model" not in trained  # the second part made it; the first is evaluated beside
    (model,) = (artifact for run in runs for artifact in run.logged("model"))
    assert json.loads(model.metadata)["uses"] == found["logs_poses"]
    (evaluation,) = (artifact for run in runs for artifact in run.logged("evaluation"))
    assert json.loads(evaluation.metadata)["uses"] == refined["logs_model"]
    assert len({run.about["group"] for run in runs}) == 1


def test_every_run_says_where_all_comes_from(run: Path, runs: list[OfflineRun]) -> None:
    manifest = hashlib.sha256((run / "images" / "manifest.parquet").read_bytes()).hexdigest()
    bank = hashlib.sha256((run / "poses" / "bank.safetensors").read_bytes()).hexdigest()
    for recorded in runs:
        facts = recorded.config["provenance"]
        assert facts["code"] == find_code()
        assert recorded.about["commit"] == (find_code()["commit"] or "")
        assert facts["images"]["manifest"] == manifest and facts["images"]["count"] == 72
        assert facts["images"]["source"] == "turntable"
        assert facts["poses"]["bank"] == bank
        assert facts["poses"]["labels_are"] == "found" and facts["poses"]["anchors"] == 0
        assert recorded.config["data"]["resolution"] == 16
    (viewed,) = of(runs, "views")
    assert viewed.config["provenance"]["model"]["bank"] == bank


def test_the_review_table_says_what_views_json_says(run: Path, runs: list[OfflineRun]) -> None:
    (viewed,) = of(runs, "views")
    ((row,), (table,)) = viewed.history, viewed.tables("views/review")
    told = {
        (folder.name, i): view
        for folder in (run / "views").iterdir()
        if (folder / "views.json").exists()
        for i, view in enumerate(json.loads((folder / "views.json").read_text())["views"])
    }
    assert {(cell["reference"], cell["view"]) for cell in table} == set(told)
    for cell in table:
        view = told[cell["reference"], cell["view"]]
        for name in ("pose_asked", "pose_found", "azimuth_asked", "azimuth_found", "confidence"):
            assert cell[name] == pytest.approx(view[name])
        picture = run / "views" / cell["reference"] / view["file"]
        assert Image.open(cell["picture"]).tobytes() == Image.open(picture).tobytes()
        assert (cell["mode"], cell["step"]) == ("soft", 20)
    hits = [view["pose_asked"] == view["pose_found"] for view in told.values()]
    assert row["views/target_pose_accuracy"] == pytest.approx(sum(hits) / len(hits))
    films = {film["caption"]: film["path"] for film in row["views/turning/videos"]}
    assert films.keys() == {name for name, _ in told}
    for name, path in films.items():
        copy = viewed.file.parent / "files" / path
        assert copy.read_bytes() == (run / "views" / name / "orbit.gif").read_bytes()


def test_an_object_is_kept_as_it_was_written(run: Path, runs: list[OfflineRun]) -> None:
    (shaped,) = of(runs, "shape")
    kept = {path.suffix: path.read_bytes() for path in shaped.media}
    assert kept[".glb"] == (run / "shape" / "van" / "object.glb").read_bytes()
    assert kept[".gif"] == (run / "shape" / "van" / "turning.gif").read_bytes()
    assert 0.0 < shaped.history[0]["shape/silhouette_iou"] <= 1.0


def test_orbits_of_a_training_are_scored_by_the_bank(run: Path, runs: list[OfflineRun]) -> None:
    trained = next(r for r in of(runs, "train") if r.tables("views/review"))
    tables = trained.tables("views/review")
    assert [{row["step"] for row in table} for table in tables] == [{5}, {10}]
    rows = [row for row in trained.history if "views/target_pose_accuracy" in row]
    for row, table in zip(rows, tables, strict=True):
        assert len(table) == 4 * 8 and row["trainer/global_step"] == table[0]["step"]
        hits = [cell["pose_asked"] == cell["pose_found"] for cell in table]
        assert row["views/target_pose_accuracy"] == pytest.approx(sum(hits) / len(hits))
    curve = list(csv.DictReader((run / "train" / "metrics.csv").read_text().splitlines()))
    losses = [row["val/loss"] for row in trained.history if "val/loss" in row]
    assert losses == pytest.approx([float(r["val_loss"]) for r in curve if r["val_loss"]], abs=1e-5)


def test_the_evaluation_holds_what_was_measured(run: Path, runs: list[OfflineRun]) -> None:
    (measured,) = (r for r in runs if r.logged("evaluation"))
    numbers = {name: value for row in measured.history for name, value in row.items()}
    assert {name: value for name, value in numbers.items() if "/poses/" in name} == {
        "evaluate/poses/ring_score": 0.75,
        "evaluate/poses/circle_found": 1.0,
        "evaluate/poses/image_azimuth_error/median_deg": 4.0,
    }
    assert {name: value for name, value in numbers.items() if "/views/" in name} == {
        "evaluate/views/soft/psnr": 20.5,
        "evaluate/views/soft/forwards": 12.0,
        "evaluate/views/copy_the_reference/psnr": 17.0,
    }
    assert numbers["trainer/global_step"] == 20
    assert measured.tables("evaluate/table") == [
        [
            {"mode": "soft", "psnr": 20.5, "forwards": 12.0},
            {"mode": "copy the reference", "psnr": 17.0, "forwards": None},
        ]
    ]
    assert measured.tables("evaluate/differences") == [
        [{"of": "soft", "minus": "copy the reference", "figure": "psnr", "difference": 3.5, **ENDS}]
    ]
    (evaluation,) = measured.logged("evaluation")
    kept = {entry.path: Path(entry.local_path) for entry in evaluation.manifest.contents}
    assert kept.keys() == {"figures.json", "tables.md"}
    assert json.loads(kept["figures.json"].read_text()) == FIGURES


def test_what_is_there_already_is_recorded_no_second_time(run: Path, recorded: None) -> None:
    before = sorted(run.rglob("run-*.wandb"))
    for command in ("poses", "train", "views"):
        assert mirage(command, f"run={run}") == 0
    assert sorted(run.rglob("run-*.wandb")) == before


def test_labels_that_a_person_changed_are_called_edited(run: Path, tmp_path: Path) -> None:
    copy = RunFolder(shutil.copytree(run, tmp_path / "copy"))
    labels, summary = (copy["poses"] / name for name in ("labels.parquet", "summary.json"))
    before = provenance(Config(poses=PosesConfig(anchors={1: 0.0})), copy, "poses")["poses"]
    assert before["anchors"] == 1
    labels.write_bytes(labels.read_bytes() + b"more")
    after = provenance(Config(), copy, "poses")["poses"]
    assert (before["labels_are"], after["labels_are"]) == ("found", "edited")
    assert before["labels"] != after["labels"] and before["bank"] == after["bank"]
    facts = json.loads(summary.read_text())
    del facts["labels"]  # as it was written before this was told
    summary.write_text(json.dumps(facts))
    assert provenance(Config(), copy, "poses")["poses"]["labels_are"] == "of unknown origin"
