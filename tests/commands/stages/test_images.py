"""Photos in shards: each looked at once, and trained on once an epoch, on one process or two."""

from __future__ import annotations

import csv
import io
import os
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from processes import forked_ranks
from synthetic.shards import save_shards
from tiny.runs import mirage
from training_callbacks.seen_photos import hash_pixels

from mirage.commands.stages.images import images_key
from mirage.config import Config
from mirage.core.contracts import TRAIN
from mirage.runs.folder import RunFolder

SHARDS = ["images", "images.source=shards", "images.min_count=3", "images.min_side=16"]
TINY = [
    "backbone=effnet_lite",
    "backbone.size=32",
    "backbone.layers=[2,3]",
    "parts.count=8",
    "poses.count=4",
    "poses.dims=16",
    "poses.restarts=2",
    "poses.discoveries=1",
]
TRAINING = [
    "data.resolution=16",
    "data.batch_size=8",
    "data.balance=0",
    "data.mirror=false",
    "model.channels=[32,64]",
    "model.layers_per_block=1",
    "model.attention_levels=[1]",
    "train.warmup_steps=1",
    "refine.steps=0",
]


def shared(*words: str) -> str:
    done = forked_ranks(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("sizes", [[7], [5, 9, 1, 6]])
def test_two_processes_look_at_every_photo_of_a_set_of_shards_once(
    tmp_path: Path, sizes: list[int]
) -> None:
    pictures = save_shards(f"file://{tmp_path}/set", sizes)
    shard = tmp_path / "set" / "cars-000000.tar"
    shard.write_bytes(shard.read_bytes().rstrip(b"\0"))  # and with it the end mark
    pattern = f"file://{tmp_path}/set/cars-{{000000..{len(sizes) - 1:06d}}}.tar"
    one, two = ([*SHARDS, f"images.path={pattern}", f"run={tmp_path / x}"] for x in ("one", "two"))
    assert shared(*two).count(f"images: {sum(sizes)} usable") == 1
    assert mirage(*one) == 0
    tables = [pq.read_table(tmp_path / run / "images/manifest.parquet") for run in ("one", "two")]
    assert tables[0].equals(tables[1])
    assert tables[0]["path"].to_pylist() == list(pictures)
    for run in ("one", "two"):
        rejected = csv.DictReader((tmp_path / run / "images/rejected.csv").open())
        assert [row["file"] for row in rejected] == ["cars-000000.tar"]


@pytest.fixture(scope="module")
def posed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A run with poses, and the pixels' hashes of the photos that it can train on."""
    root = tmp_path_factory.mktemp("runs")
    pictures = save_shards(f"file://{root}/set", [31, 17, 43], side=16)
    assert mirage(*SHARDS, *TINY, f"images.path={root / 'set'}", f"run={root / 'posed'}") == 0
    assert mirage("poses", f"run={root / 'posed'}") == 0
    manifest = pq.read_table(root / "posed/images/manifest.parquet").to_pylist()
    outlier = pq.read_table(root / "posed/poses/labels.parquet")["outlier"].to_pylist()
    names = [
        row["path"]
        for row, odd in zip(manifest, outlier, strict=True)
        if row["split"] == TRAIN and not odd
    ]
    photos = [np.asarray(Image.open(io.BytesIO(pictures[name]))) for name in names]
    return root / "posed", sorted(map(hash_pixels, photos))


@pytest.mark.parametrize("world", [pytest.param(1, marks=pytest.mark.e2e), 2])
def test_an_epoch_holds_every_training_photo_once(
    posed: tuple[Path, list[str]], tmp_path: Path, world: int
) -> None:
    run, photos = shutil.copytree(posed[0], tmp_path / "run"), posed[1]
    assert len(photos) % 8 and len(set(photos)) == len(photos)
    steps = -(-2 * len(photos) // 8)  # two epochs
    words = [
        "train",
        *TRAINING,
        f"train.steps={steps}",
        "images.frame=none",
        f"run={run}",
        "train.callbacks.seen._target_=training_callbacks.seen_photos.SeenPhotos",
        f"train.callbacks.seen.folder={tmp_path / 'seen'}",
    ]
    (shared if world == 2 else mirage)(*words)
    by_rank = [file.read_text().splitlines() for file in sorted((tmp_path / "seen").iterdir())]
    assert [len(lines) for lines in by_rank] == [8 * steps // world] * world
    lines = [line.split() for lines in by_rank for line in lines]
    seen = [name for _, name in sorted(lines, key=lambda line: int(line[0]))]  # ranks in order
    for epoch in range(2):
        assert sorted(seen[epoch * len(photos) : (epoch + 1) * len(photos)]) == photos


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of photos, some below others."""
    (tmp_path / "photos" / "deep").mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (6, 20, 20, 3), np.uint8)
    for i, photo in enumerate(pixels):
        Image.fromarray(photo).save(tmp_path / "photos" / ("deep" if i % 2 else "") / f"{i}.png")
    return tmp_path / "photos"


def look_at(path: str | Path, run: Path) -> str:
    """What stages after the images depend on."""
    assert (
        mirage(
            "images",
            f"images.path={path}",
            "images.min_count=3",
            f"run={run}",
            "images.min_side=16",
        )
        == 0
    )
    return RunFolder(run).key("images")


def test_photos_that_are_touched_or_moved_are_the_same(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    key = look_at(photos, run)
    os.utime(photos / "0.png", (1, 1))
    (photos / "deep" / ".DS_Store").touch()
    (photos / "Thumbs.db").touch()
    monkeypatch.chdir(tmp_path)
    for path in ("photos", "photos/", "./photos"):
        assert look_at(path, run) == key
    shutil.copytree(photos, tmp_path / "copied", copy_function=shutil.copyfile)
    photos.rename(tmp_path / "moved")
    assert look_at("copied", run) == look_at("moved", run) == key


def test_what_lies_beside_photos_is_no_reason_to_look_at_them_again(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_at(photos, tmp_path / "run")
    (photos / ".DS_Store").touch()
    (photos / "notes.txt").touch()

    def refuse(*_: object) -> None:
        raise AssertionError("they were looked at")

    monkeypatch.setattr("mirage.commands.stages.images.build_manifest", refuse)
    monkeypatch.chdir(tmp_path)
    look_at("photos/", tmp_path / "run")


def test_photos_that_cannot_be_found_undo_nothing(photos: Path, tmp_path: Path) -> None:
    key = look_at(photos, tmp_path / "run")
    photos.rename(tmp_path / "elsewhere")
    assert mirage("images", f"run={tmp_path / 'run'}") == 1
    assert RunFolder(tmp_path / "run").key("images") == key


def test_other_photos_are_not_the_same(photos: Path, tmp_path: Path) -> None:
    keys = [look_at(photos, tmp_path / "run")]
    facts = (photos / "0.png").stat()
    Image.fromarray(np.full((20, 20, 3), 7, np.uint8)).save(photos / "0.png")
    os.utime(photos / "0.png", ns=(facts.st_atime_ns, facts.st_mtime_ns))
    keys.append(look_at(photos, tmp_path / "run"))
    (photos / "0.png").rename(photos / "7.png")  # a split by its object stays; its number does not
    keys.append(look_at(photos, tmp_path / "run"))
    (photos / "7.png").unlink()
    keys.append(look_at(photos, tmp_path / "run"))
    assert len(set(keys)) == 4


def test_a_set_is_the_same_however_many_processes_render_it() -> None:
    keys = []
    for name, value in (("workers", 1), ("workers", 9), ("objects", 9)):
        config = Config()
        config.images.source = "turntable"
        setattr(config.images.turntable, name, value)
        keys.append(images_key(config))
    assert keys[0] == keys[1] != keys[2]


def save_photos(folder: Path, count: int) -> None:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(count):
        pixels = rng.integers(0, 256, (32, 32, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")


def test_a_runs_own_pictures_are_no_photos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save_photos(tmp_path / "photos", 6)
    monkeypatch.chdir(tmp_path / "photos")
    words = ["images", "images.path=.", "run=runs/a", "images.min_count=3"]
    assert mirage(*words) == 0
    manifest = tmp_path / "photos/runs/a/images/manifest.parquet"
    made = manifest.stat().st_mtime_ns
    save_photos(tmp_path / "photos/runs/a/poses", 1)
    assert mirage(*words) == 0
    assert manifest.stat().st_mtime_ns == made  # the run's own files make it no other set
    assert mirage("images", "images.path=.", "run=runs/b", "images.min_count=3") == 0
    rejected = (tmp_path / "photos/runs/b/images/rejected.csv").read_text()
    assert "6 usable" in capsys.readouterr().out and "MIRAGE's own" in rejected


@pytest.mark.parametrize(
    ("photos", "run"), [("photos", "photos"), ("r/images", "r"), ("r/images/a", "r")]
)
def test_a_run_that_would_write_among_its_photos_is_refused(
    photos: str, run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_photos(tmp_path / photos, 6)
    assert mirage("images", f"images.path={tmp_path / photos}", f"run={tmp_path / run}") == 1
    assert "a folder of its own" in capsys.readouterr().err
    assert len(list((tmp_path / photos).glob("*.png"))) == 6
