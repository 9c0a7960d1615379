"""The whole road on a tiny turntable, from the command line, as a person walks it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from mirage.cli import COMMANDS, main

TINY = [
    "images.source=turntable",
    "images.turntable.objects=12",
    "images.turntable.views=6",
    "images.turntable.workers=1",
    "images.heldout_fraction=0.2",
    "backbone=effnet_lite",
    "backbone.size=64",
    "parts.count=16",
    "poses.count=4",
    "poses.restarts=2",
    "data.resolution=16",
    "data.batch_size=8",
    "model.channels=[32,64]",
    "model.layers_per_block=1",
    "model.attention_levels=[1]",
    "train.steps=4",
    "train.warmup_steps=1",
    "train.checkpoint_every=2",
    "train.validate_every=4",
    "views.steps=3",
    "views.count=4",
    "views.references=2",
    "evaluate.objects=2",
    "evaluate.photos=3",
    "evaluate.views=3",
]


def mirage(*words: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(list(words))
    return int(stop.value.code or 0)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    assert mirage("run", *TINY, f"run={folder}") == 0
    return folder


def test_every_stage_leaves_its_files(run: Path) -> None:
    for name in (
        "config.yaml", "images/manifest.parquet", "images/rejected.csv", "poses/bank.safetensors",
        "poses/montage.png", "poses/ring.png", "poses/parts.png", "train/last.ckpt",
        "train/best.ckpt", "train/metrics.csv", "model/model_index.json", "model/bank.safetensors",
        "views/contact_sheet.png", "evaluate/figures.json", "report/index.html",
    ):  # fmt: skip
        assert (run / name).exists(), name


def test_labels_cover_every_image_with_the_promised_columns(run: Path) -> None:
    labels = pq.read_table(run / "poses" / "labels.parquet")
    manifest = pq.read_table(run / "images" / "manifest.parquet")
    assert {"image_id", "path", "split", "pose", "confidence", "azimuth"} <= set(
        labels.schema.names
    )
    assert labels["image_id"].to_pylist() == list(range(len(manifest)))
    assert labels["path"].to_pylist() == manifest["path"].to_pylist()
    confidence = labels["confidence"].to_numpy()
    assert ((confidence >= 0) & (confidence <= 1)).all()
    assert set(labels["split"].to_pylist()) == {"train", "heldout"}


def test_assign_reads_saved_photos_as_the_poses_stage_did(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = pq.read_table(run / "poses" / "labels.parquet").to_pylist()[:5]
    root = next((run / "images" / "turntable").iterdir())
    photos = [str(root / row["path"]) for row in labels]
    capsys.readouterr()
    assert mirage("assign", *photos, f"run={run}", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [set(row) for row in found] == [{"path", "pose", "azimuth", "confidence"}] * 5
    assert [row["path"] for row in found] == photos
    assert [row["pose"] for row in found] == [row["pose"] for row in labels]


def test_views_json_names_what_was_asked_and_found(run: Path) -> None:
    facts = json.loads(next(run.glob("views/*/views.json")).read_text())
    assert len(facts["views"]) == 4 and facts["mode"] == "hard"
    assert {"pose_asked", "pose_found", "azimuth_asked", "file"} <= set(facts["views"][0])


def test_evaluation_rows_and_its_json_file(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    assert mirage("evaluate", f"run={run}", f"evaluate.json={out}") == 0
    figures = json.loads(out.read_text())
    rows = {row["mode"]: row for row in figures["views"]}
    assert {"none", "soft", "hard", "copy the reference"} <= set(rows)
    for mode in ("none", "soft", "hard"):
        assert {"psnr", "ssim", "target_pose_accuracy"} <= set(rows[mode])
    assert rows["copy the reference"]["colour_distance"] == pytest.approx(0.0)
    assert {"nmi", "purity", "image_azimuth_error"} <= set(figures["poses"])


def test_a_second_run_does_nothing_again(run: Path) -> None:
    watched = [
        run / "poses" / "bank.safetensors",
        run / "train" / "last.ckpt",
        next(run.glob("views/*/view_000.png")),
    ]
    before = [path.stat().st_mtime_ns for path in watched]
    assert mirage("run", f"run={run}") == 0  # the run remembers its configuration
    assert [path.stat().st_mtime_ns for path in watched] == before


def test_weights_travel_to_a_new_clustering(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "fine"
    words = [f"run={target}", f"pretrained={run / 'model'}", "images.turntable.seed=1"]
    assert mirage("images", *TINY, *words) == 0
    assert mirage("poses", *TINY, *words) == 0
    assert "agree" in capsys.readouterr().out
    related = json.loads((target / "poses" / "summary.json").read_text())["pretrained"]
    assert len(related["mapping"]) == 4 and 0 <= related["agreement"] <= 1
    assert mirage("train", *TINY, *words) == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["train", "run=nowhere"], "mirage poses"),
        (["poses", "poses.cuont=3"], "poses.count"),
        (["images", "images.path=/no/such/folder"], "does not exist"),
        (["images", "data.resolution=33"], "data.resolution"),
        (["paint"], "no command"),
        (["run", "experiment=nonsense"], "nonsense"),
    ],
)
def test_mistakes_are_answered_in_a_few_lines(
    words: list[str],
    says: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert mirage(*words) == 1
    said = capsys.readouterr().err
    assert says in said and "Traceback" not in said and len(said.splitlines()) <= 6


def test_help_shows_an_example_of_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    for name in COMMANDS:
        assert mirage(name, "--help") == 0
        assert f"mirage {name}" in capsys.readouterr().out


def _start(words: list[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "mirage.cli", *words]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)


def _kill_when(process: subprocess.Popen[bytes], reached: Path, timeout: float = 120.0) -> None:
    """SIGKILL the process and its children as soon as `reached` exists."""
    end = time.monotonic() + timeout
    while not reached.exists():
        assert process.poll() is None and time.monotonic() < end, "it ended before it was killed"
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_a_killed_rendering_goes_on_where_it_was(tmp_path: Path) -> None:
    words = ["images", *TINY, "images.turntable.objects=30", f"run={tmp_path / 'run'}"]
    root = tmp_path / "run" / "images" / "turntable" / "cars-0-64px"
    process = _start(words)
    end = time.monotonic() + 120
    while not list(root.rglob("*.png")):
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    done = {p: p.stat().st_mtime_ns for p in root.rglob("*.png") if not p.name.startswith(".")}
    assert 0 < len(done) < 180
    assert mirage(*words) == 0
    assert len(pq.read_table(tmp_path / "run" / "images" / "manifest.parquet")) == 180
    kept = [p for p, time_ns in done.items() if p.stat().st_mtime_ns == time_ns]
    assert len(kept) >= len(done) - 6  # at most the object in hand is drawn again


def test_a_killed_training_resumes_and_equals_one_that_was_not(run: Path, tmp_path: Path) -> None:
    import shutil

    from mirage.sampler.pipeline import load_pipeline

    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    for name in ("train", "model"):
        shutil.rmtree(copy / name)
    words = [
        "train", f"run={copy}", "train.steps=200", "train.checkpoint_every=2",
        "train.validate_every=1000",
    ]  # fmt: skip
    _kill_when(_start(words), copy / "train" / "last.ckpt")
    rows = (copy / "train" / "metrics.csv").read_text().splitlines()
    assert len(rows) < 22  # it did not get to the end
    short = [*words[:2], "train.steps=200", *words[3:]]
    assert mirage(*short) == 0
    whole = tmp_path / "whole"
    shutil.copytree(copy, whole, ignore=shutil.ignore_patterns("train", "model"))
    assert mirage(*[w.replace(str(copy), str(whole)) for w in short]) == 0
    resumed, straight = (load_pipeline(f / "model").unet.state_dict() for f in (copy, whole))
    for name, value in straight.items():
        np.testing.assert_allclose(value.numpy(), resumed[name].numpy(), atol=1e-4, err_msg=name)
