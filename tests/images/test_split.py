"""The manifest is split by object: what is held out, and what stays where it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from synthetic.folders import config_for, save_photos

from mirage.core.contracts import HELDOUT, TRAIN
from mirage.core.errors import MirageError
from mirage.images.image_set import open_images
from mirage.images.manifest import build_manifest
from mirage.images.split import highest_heldout, object_hashes


def held_out(objects: list[str], fraction: float, seed: int) -> set[str]:
    hashes = object_hashes(objects, seed)
    limit = highest_heldout(hashes, fraction)
    return {name for name, hashed in zip(objects, hashes, strict=True) if hashed <= limit}


def test_a_share_of_the_objects_is_held_out() -> None:
    objects = [f"car{index // 5}" for index in range(100)]
    held = held_out(objects, 0.2, seed=0)
    assert len(held) == 4
    assert held != held_out(objects, 0.2, seed=1)
    assert len(held_out(["a", "b"], 0.01, 0)) == len(held_out(["a", "b"], 0.99, 0)) == 1


def test_adding_photos_moves_few_of_the_others() -> None:
    names = [f"photo{index}" for index in range(1100)]
    before, after = held_out(names[:1000], 0.1, 0), held_out(names, 0.1, 0)
    moved = before ^ (after & set(names[:1000]))
    assert len(moved) <= 25


def test_photos_of_one_object_fall_on_the_same_side(tmp_path: Path) -> None:
    save_photos(tmp_path, 12)
    rows = [f"{i:03d}.png,car{i // 3}\n" for i in range(12)]
    (tmp_path / "list.csv").write_text("path,object_id\n" + "".join(rows))
    build_manifest(config_for(tmp_path / "list.csv", "csv"), tmp_path / "images")
    images = open_images(tmp_path / "images")
    sides: dict[str, set[str]] = {}
    for name, side in zip(images.object_id, images.split, strict=True):
        sides.setdefault(name, set()).add(side)
    assert len(sides) == 4 and all(len(side) == 1 for side in sides.values())
    assert set(images.split) == {TRAIN, HELDOUT}


def test_copies_of_a_photo_fall_on_its_side(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    rng = np.random.default_rng(0)
    for index in range(40):
        coarse = Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).resize((160, 120))
        coarse.save(photos / f"{index:02d}.png")
        coarse.resize((80, 60)).save(photos / f"{index:02d}-80x60.jpg", quality=80)
    config = config_for(photos)
    config.heldout_fraction = 0.5
    build_manifest(config, tmp_path / "images")
    images = open_images(tmp_path / "images")
    sides: dict[str, set[str]] = {}
    for path, name, side in zip(images.path, images.object_id, images.split, strict=True):
        sides.setdefault(path[:2], set()).update((name, side))
    assert len(images) == 80 and all(len(found) == 2 for found in sides.values())
    assert list(images.split).count(HELDOUT) == 40


def test_a_split_column_is_obeyed(tmp_path: Path) -> None:
    save_photos(tmp_path, 6)
    rows = [f"{i:03d}.png,{'heldout' if i in (1, 4) else 'train'}\n" for i in range(6)]
    (tmp_path / "list.csv").write_text("path,split\n" + "".join(rows))
    build_manifest(config_for(tmp_path / "list.csv", "csv"), tmp_path / "images")
    assert open_images(tmp_path / "images").ids(HELDOUT).tolist() == [1, 4]
    (tmp_path / "list.csv").write_text("path,split\n" + "".join(rows).replace("heldout", "train"))
    with pytest.raises(MirageError, match="no photo is in the split 'heldout'"):
        build_manifest(config_for(tmp_path / "list.csv", "csv"), tmp_path / "images")
