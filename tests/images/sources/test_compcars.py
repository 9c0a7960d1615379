"""CompCars' layout is read as its authors wrote it; what is damaged is told and left out."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mirage.config import ImagesConfig
from mirage.core.contracts import HELDOUT, TRAIN
from mirage.core.errors import MirageError
from mirage.images.image_set import open_images
from mirage.images.manifest import build_manifest
from mirage.images.sources.compcars import LabelError, read_label
from mirage.images.sources.registry import open_source
from mirage.images.sources.source import Entry

WIDTH, HEIGHT = 48, 40
GOOD = "4\n1\n11 6 42 37\n"  # a box of 32 × 32 pixels


def save(data: Path, name: str, label: str | bytes | None, seed: int = 0) -> np.ndarray:  # type: ignore[type-arg]
    """A picture of noise, stored without loss whatever its name says, and its label file."""
    pixels = np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    picture, words = data / "image" / name, (data / "label" / name).with_suffix(".txt")
    for file in (picture, words):
        file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(picture, "PNG")
    if label is not None:
        words.write_bytes(label.encode() if isinstance(label, str) else label)
    return pixels


def save_lists(data: Path, train: str, test: str) -> None:
    folder = data / "train_test_split" / "classification"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "train.txt").write_bytes(train.encode())
    (folder / "test.txt").write_bytes(test.encode())


def entries_of(root: Path) -> dict[str, Entry]:
    return {entry.path: entry for entry in open_source("compcars", str(root)).entries()}


@pytest.mark.parametrize("below", ["", "data"])
def test_lists_decide_the_split_and_labels_the_viewpoint(tmp_path: Path, below: str) -> None:
    data = tmp_path / "data"
    for year, code in enumerate((-1, 1, 2, 3, 4, 5)):
        save(data, f"78/1/{2010 + year}/a.jpg", f"{code}\n1\n1 2 30 40\n")
    save(data, "78/1/2010/unlisted.jpg", GOOD)
    save_lists(
        data,
        "".join(f"78/1/{year}/a.jpg\n" for year in (2015, 2010, 2011)),
        "".join(f"78/1/{year}/a.jpg\n" for year in (2012, 2013, 2014)),
    )
    entries = list(entries_of(tmp_path / below).values())
    assert [(entry.object_id, entry.split, entry.viewpoint) for entry in entries] == [
        ("78/1/2015", TRAIN, "rear-side"),
        ("78/1/2010", TRAIN, ""),
        ("78/1/2011", TRAIN, "front"),
        ("78/1/2012", HELDOUT, "rear"),
        ("78/1/2013", HELDOUT, "side"),
        ("78/1/2014", HELDOUT, "front-side"),
    ]
    assert {entry.box for entry in entries} == {(0, 1, 30, 40)}


@pytest.mark.parametrize(
    "text", [GOOD.replace("\n", "\r\n"), "\ufeff" + GOOD, GOOD.rstrip(), " " + GOOD + "\n\n"]
)
def test_a_label_may_be_written_on_any_system(tmp_path: Path, text: str) -> None:
    (tmp_path / "label.txt").write_bytes(text.encode())
    assert read_label(tmp_path / "label.txt") == ("front-side", (10, 5, 42, 37))


DAMAGED = {
    "empty": ("", "0 numbers"),
    "short": ("4\n1\n", "2 numbers"),
    "long": (GOOD + "1 1 9 9\n", "10 numbers"),
    "words": ("front\n1\n11 6 42 37\n", "not whole numbers"),
    "binary": (bytes(range(128, 256)), "not whole numbers"),
    "zeros": (b"\0" * 64, "not whole numbers"),
    "viewpoint": ("6\n1\n11 6 42 37\n", "viewpoint 6"),
    "boxes": ("4\n2\n11 6 42 37\n", "2 boxes"),
    "inverted": ("4\n1\n42 6 11 37\n", "empty or inverted"),
    "flat": ("4\n1\n11 6 42 6\n", "empty or inverted"),
    "huge": (f"4\n1\n1 1 {10**30} 9\n", "beyond any picture"),
}


@pytest.mark.parametrize(("text", "reason"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_label_says_what_is_wrong(tmp_path: Path, text: str | bytes, reason: str) -> None:
    (tmp_path / "label.txt").write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(LabelError, match=f"damaged label.*{reason}"):
        read_label(tmp_path / "label.txt")


def test_list_lines_lead_nowhere_outside(tmp_path: Path) -> None:
    (tmp_path / "image").mkdir()
    Image.new("RGB", (30, 30)).save(tmp_path / "secret.jpg")
    up, absolute, gone = "../secret.jpg", str(tmp_path / "secret.jpg"), "1/2/2010/gone.jpg"
    folder, long, odd = "1/2", "1/2/2010/" + "x" * 300 + ".jpg", "1/2/2010/\0.jpg"
    lines = (up, absolute, gone, folder, long, odd, ".")
    (tmp_path / "image" / folder).mkdir(parents=True)
    save_lists(tmp_path, "\r\n".join(lines), "\n\n")
    refused = {path: entry.refused for path, entry in entries_of(tmp_path).items()}
    assert list(refused) == list(lines)
    assert "outside" in refused[up] and "outside" in refused[absolute]
    assert all("no such picture" in refused[path] for path in lines[2:])


def test_a_missing_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(MirageError, match=r"train\.txt is missing(.|\n)*images\.path"):
        entries_of(tmp_path)
    save_lists(tmp_path / "data", "", "")
    (tmp_path / "data/train_test_split/classification/test.txt").unlink()
    with pytest.raises(MirageError, match=r"test\.txt is missing"):
        entries_of(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(MirageError, match=r"is a file, which images\.source=compcars cannot read"):
        open_source("compcars", str(tmp_path / "file"))


def test_from_the_layout_to_squares(tmp_path: Path) -> None:
    """Good photos come out as their boxes; every kind of damage costs one photo and no more."""
    data, run = tmp_path / "data", tmp_path / "run"
    labels = [GOOD, "5\n1\n-7 0 32 32\n", "-1\n1\n17 9 500 500\n"]
    boxes = [(10, 5, 42, 37), (0, 0, 32, 32), (16, 8, WIDTH, HEIGHT)]  # cut to the picture
    names = [f"1/2/2010/{name}.jpg" for name in "abc"]
    pixels = [save(data, names[i], labels[i], seed=i) for i in range(3)]
    bad = {f"1/3/2011/{name}.jpg": text for name, (text, _) in DAMAGED.items()}
    bad |= {
        "1/3/2011/outside.jpg": f"4\n1\n{WIDTH + 1} 1 {WIDTH + 30} 30\n",
        "1/3/2011/tiny.jpg": "4\n1\n1 1 30 5\n",
        "1/3/2011/unlabelled.jpg": None,
        "1/3/2011/gone.jpg": GOOD,
        "1/3/2011/cut.jpg": GOOD,
    }
    for seed, (name, text) in enumerate(bad.items(), start=10):
        save(data, name, text, seed)
    (data / "image/1/3/2011/gone.jpg").unlink()
    cut = data / "image/1/3/2011/cut.jpg"
    cut.write_bytes(cut.read_bytes()[:2000])
    save(data, "1/2/2010/again.jpg", "4\n1\n12 6 42 37\n", seed=0)  # the first, boxed anew
    listed = [*bad, names[2], "1/2/2010/again.jpg"]
    save_lists(data, "\n".join(names[:2]), "\n".join(listed))

    config = ImagesConfig(source="compcars", path=str(tmp_path), min_count=3)
    build_manifest(config, run)
    images = open_images(run)
    assert list(images.path) == names
    assert list(images.split) == [TRAIN, TRAIN, HELDOUT]
    assert list(images.viewpoint) == ["front-side", "rear-side", ""]
    assert set(images.object_id) == {"1/2/2010"}
    for i, (left, top, right, bottom) in enumerate(boxes):
        assert np.array_equal(images.load_square(i, 32), pixels[i][top:bottom, left:right])
    with (run / "rejected.csv").open(newline="") as file:
        reasons = {row["file"]: row["reason"] for row in csv.DictReader(file)}
    assert set(reasons) == {*bad, "1/2/2010/again.jpg"}
    for name, reason in {
        "1/3/2011/outside.jpg": "box outside the picture: 48 × 40 pixels",
        "1/3/2011/tiny.jpg": "tiny: 30 × 5 pixels",
        "1/3/2011/unlabelled.jpg": "missing label",
        "1/3/2011/cut.jpg": "truncated",
        "1/2/2010/again.jpg": "duplicate: of 1/2/2010/a.jpg",
    }.items():
        assert reasons[name] == reason
    assert "no such picture" in reasons["1/3/2011/gone.jpg"]
