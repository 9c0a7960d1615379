"""The poses stage gives the same labels however often it is stopped and however many share it."""

from __future__ import annotations

import re
import shutil
import signal
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from processes import Command, forked_ranks
from safetensors.numpy import load_file
from tiny.runs import mirage

from mirage.commands.stages import poses
from mirage.commands.stages.poses import closing_line
from mirage.config import Config
from mirage.config.load import load_config
from mirage.distributed.ranks import Ranks
from mirage.poses.bank import PoseBank
from mirage.poses.bank_file import load_bank
from mirage.runs.folder import RunFolder
from mirage.runs.request import Request

TINY = [
    "backbone=effnet_lite",
    "backbone.size=32",
    "backbone.layers=[2,3]",
    "backbone.batch_size=2",  # blocks of 32 photos
    "images.source=folder",
    "parts.count=8",
    "poses.count=4",
    "poses.dims=16",
    "poses.restarts=2",
    "poses.discoveries=1",
]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose poses are still to be found, of blurred noise."""
    root = tmp_path_factory.mktemp("runs")
    (root / "photos").mkdir()
    for index, pixels in enumerate(np.random.default_rng(0).integers(0, 256, (120, 4, 4, 3))):
        photo = Image.fromarray(pixels.astype(np.uint8)).resize((32, 32), Image.Resampling.BICUBIC)
        photo.save(root / "photos" / f"{index:03d}.png")
    assert mirage("images", *TINY, f"images.path={root / 'photos'}", f"run={root / 'images'}") == 0
    return root / "images"


@pytest.fixture(scope="module")
def straight(images: Path) -> Path:
    """The poses found in one go by one process."""
    run = shutil.copytree(images, images.with_name("straight"))
    assert mirage("poses", f"run={run}") == 0
    return run


def test_labels_cover_every_image_with_the_promised_columns(straight: Path) -> None:
    labels = pq.read_table(straight / "poses" / "labels.parquet")
    manifest = pq.read_table(straight / "images" / "manifest.parquet")
    assert {"image_id", "path", "split", "pose", "confidence", "azimuth"} <= set(
        labels.schema.names
    )
    assert labels["image_id"].to_pylist() == list(range(len(manifest)))
    assert labels["path"].to_pylist() == manifest["path"].to_pylist()
    confidence = labels["confidence"].to_numpy()
    assert ((confidence >= 0) & (confidence <= 1)).all()
    assert set(labels["split"].to_pylist()) == {"train", "heldout"}


def test_what_depends_on_poses_is_stale_when_others_are_found(
    straight: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the same settings, as another version of a library or another processor may."""
    run = shutil.copytree(straight, straight.with_name("again"))
    bank = load_bank(straight / "poses" / "bank.safetensors")

    def find(bank: PoseBank) -> str:
        monkeypatch.setattr(poses, "fit_bank", lambda *_: bank)
        shutil.rmtree(run / "poses")
        assert mirage("poses", f"run={run}") == 0
        return RunFolder(run).key("poses")

    assert find(bank) == find(bank) != find(bank.reoriented(90.0, 1))


def test_who_finds_the_poses_has_the_threads_of_those_that_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    for name in ("open_images", "load_backbone", "describe", "_refuse_too_few", "_work_folder"):
        monkeypatch.setattr(poses, name, MagicMock())
    monkeypatch.setattr(poses, "_find_poses", lambda *_: seen.append(torch.get_num_threads()))
    before = torch.get_num_threads()
    for rank in range(4):
        poses._discover(Config(), RunFolder(tmp_path), Ranks(rank, 4, rank, 4))
    assert seen == [4 * before] and torch.get_num_threads() == before


def assert_same(run: Path, other: Path) -> None:
    labels, expected = (pq.read_table(r / "poses" / "labels.parquet") for r in (run, other))
    assert labels.equals(expected)
    bank, old = (load_file(r / "poses" / "bank.safetensors") for r in (run, other))
    for name, array in old.items():
        np.testing.assert_array_equal(bank[name], array, err_msg=name)
    assert not (run / "poses" / "work").exists()


def test_a_run_killed_again_and_again_equals_one_that_was_not(
    images: Path, straight: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(images, tmp_path / "run")
    done: dict[Path, int] = {}
    for sign in ("patches/0000001.npy", "photos/0000002.npy", "bank.safetensors"):
        command = Command("poses", f"run={run}")
        command.stop_when(lambda sign=sign: list(run.rglob(f"poses/**/{sign}")), signal.SIGKILL)
        for file, time_ns in done.items():  # nothing is done twice
            assert not file.exists() or file.stat().st_mtime_ns == time_ns
        blocks = run.glob("poses/work/*/[pc]*/[0-9]*.npy")
        done |= {file: file.stat().st_mtime_ns for file in blocks}
    assert len({file.parent.name for file in done}) >= 2 and len(done) > 7
    assert not (run / "poses" / ".stamp.json").exists()
    assert mirage("poses", f"run={run}") == 0
    assert_same(run, straight)


@pytest.mark.e2e
def test_two_processes_find_what_one_finds(images: Path, straight: Path, tmp_path: Path) -> None:
    run = shutil.copytree(images, tmp_path / "run")
    shared = forked_ranks("poses", f"run={run}")
    assert shared.returncode == 0, shared.stderr
    assert shared.stdout.count("poses: 4 poses") == 1
    assert_same(run, straight)


def test_poses_that_an_earlier_version_found_are_found_anew(
    straight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RunFolder(shutil.copytree(straight, tmp_path / "run"))
    config = load_config([f"run={folder.root}"])
    monkeypatch.setattr(poses, "_discover", MagicMock(side_effect=RuntimeError("searched")))
    assert poses.run(Request("poses", given=config)).startswith("poses: 4 poses")
    monkeypatch.setattr(poses, "_VERSION", poses._VERSION + 1)
    with pytest.raises(RuntimeError, match="searched"):
        poses.run(Request("poses", given=config))


@pytest.mark.parametrize(("asked", "needed"), [("auto", 80), ("4", 12), ("30", 30)])
def test_too_few_photos_are_refused_before_anything_is_looked_at(
    images: Path, tmp_path: Path, asked: str, needed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = sorted((images.parent / "photos").iterdir())[:3]
    (tmp_path / "photos").mkdir()
    for photo in photos:
        shutil.copy(photo, tmp_path / "photos")
    run = f"run={tmp_path / 'run'}"
    assert mirage("images", f"images.path={tmp_path / 'photos'}", "images.min_count=3", run) == 0
    assert mirage("poses", "backbone=effnet_lite", f"poses.count={asked}", run) == 1
    said = capsys.readouterr().err
    assert "2 training photos are too few" in said and f"at least {needed}" in said


GOOD = {
    "num_poses": 12,
    "ring_score": 0.98,
    "mean_confidence": 0.76,
    "circle_found": True,
    "span": [0.0, 360.0],
    "outliers": 31,
    "num_images": 1000,
    "groups": {"shared": 0.68, "smaller": 0.3},
}


@pytest.mark.parametrize(
    ("changes", "pictures"),
    [
        ({}, []),
        ({"ring_score": 0.68}, ["montage.png"]),
        ({"ring_score": 0.85}, []),
        ({"span": [0.0, 180.0], "ring_score": 0.1}, ["ring.png"]),
        ({"circle_found": False, "ring_score": 0.2}, ["ring.png"]),
        ({"outliers": 60}, ["doubts.png"]),
        ({"groups": {"shared": 0.54, "smaller": 0.2}}, ["montage.png"]),
        ({"groups": {"shared": 0.54, "smaller": 0.05}}, []),
        ({"outliers": 60, "ring_score": 0.31}, ["montage.png", "doubts.png"]),
    ],
)
def test_what_is_doubtful_is_told_with_the_picture_to_look_at(
    changes: dict[str, Any], pictures: list[str]
) -> None:
    summary = GOOD | changes
    first, *doubts = closing_line(summary, Path("runs/x/poses")).splitlines()
    assert first == (
        f"poses: 12 poses, ring score {summary['ring_score']:.2f}, mean confidence "
        f"{summary['mean_confidence']:.2f} → runs/x/poses"
    )
    named = [word for line in doubts for word in re.findall(r"runs/x/poses/(\w+\.png)", line)]
    assert named == pictures and len(doubts) == len(pictures)
