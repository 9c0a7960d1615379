"""The manifest lists what is usable, says why the rest is not, and splits by object."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from mirage.config import ImagesConfig, TurntableConfig
from mirage.contracts import HELDOUT, TRAIN
from mirage.errors import MirageError
from mirage.images.manifest import build_manifest, open_images, split_objects


def save_photos(folder: Path, count: int, side: int = 32) -> list[np.ndarray]:  # type: ignore[type-arg]
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    photos = [rng.integers(0, 256, (side, side, 3), np.uint8) for _ in range(count)]
    for index, photo in enumerate(photos):
        Image.fromarray(photo).save(folder / f"{index:03d}.png")
    return photos


def config_for(path: Path, source: str = "folder", min_count: int = 3) -> ImagesConfig:
    return ImagesConfig(source=source, path=str(path), min_count=min_count)


def test_bad_files_are_rejected_with_reasons_and_the_rest_is_dense(tmp_path: Path) -> None:
    photos, folder = tmp_path / "photos", tmp_path / "images"
    save_photos(photos, 6)
    (photos / "002.png").write_bytes((photos / "002.png").read_bytes()[:900])
    (photos / "copy.png").write_bytes((photos / "000.png").read_bytes())
    (photos / "empty.jpg").write_bytes(b"")
    Image.new("RGB", (5, 5)).save(photos / "small.png")
    config = config_for(photos)
    config.max_pixels = 2000
    Image.new("RGB", (100, 100)).save(photos / "vast.png")
    build_manifest(config, folder)
    table = pq.read_table(folder / "manifest.parquet").to_pydict()
    assert table["image_id"] == list(range(5))
    assert table["path"] == ["000.png", "001.png", "003.png", "004.png", "005.png"]
    with (folder / "rejected.csv").open() as file:
        reasons = {row["file"]: row["reason"] for row in csv.DictReader(file)}
    assert set(reasons) == {"002.png", "copy.png", "empty.jpg", "small.png", "vast.png"}
    assert "000.png" in reasons["copy.png"] and reasons["copy.png"].startswith("duplicate")
    assert reasons["002.png"] == "truncated"
    assert reasons["small.png"].startswith("tiny") and reasons["vast.png"].startswith("too large")


def test_too_few_photos_end_with_the_reasons_counted(tmp_path: Path) -> None:
    save_photos(tmp_path / "photos", 2)
    for name in ("x.png", "y.png"):
        (tmp_path / "photos" / name).write_bytes(b"nonsense")
    with pytest.raises(MirageError, match=r"2 usable photos.*2 unreadable"):
        build_manifest(config_for(tmp_path / "photos"), tmp_path / "images")


def test_objects_stay_whole_and_both_sides_have_some() -> None:
    objects = [f"car{index // 5}" for index in range(100)]
    split = split_objects(objects, 0.2, seed=0)
    sides = {
        name: {s for o, s in zip(objects, split, strict=True) if o == name} for name in objects
    }
    assert all(len(side) == 1 for side in sides.values())
    assert split.count(HELDOUT) == 20
    assert set(split_objects(["a", "b"], 0.01, 0)) == {TRAIN, HELDOUT}
    assert split != split_objects(objects, 0.2, seed=1)


def test_adding_photos_moves_few_of_the_others() -> None:
    names = [f"photo{index}" for index in range(1100)]
    before, after = split_objects(names[:1000], 0.1, 0), split_objects(names, 0.1, 0)
    moved = sum(a != b for a, b in zip(before, after[:1000], strict=True))
    assert moved <= 25


def test_a_split_column_is_obeyed(tmp_path: Path) -> None:
    save_photos(tmp_path, 6)
    rows = [f"{i:03d}.png,{'heldout' if i in (1, 4) else 'train'}\n" for i in range(6)]
    (tmp_path / "list.csv").write_text("path,split\n" + "".join(rows))
    build_manifest(config_for(tmp_path / "list.csv", "csv"), tmp_path / "images")
    assert open_images(tmp_path / "images").ids(HELDOUT).tolist() == [1, 4]
    (tmp_path / "list.csv").write_text("path,split\n" + "".join(rows).replace("heldout", "train"))
    with pytest.raises(MirageError, match="no photo is in the split 'heldout'"):
        build_manifest(config_for(tmp_path / "list.csv", "csv"), tmp_path / "images")


def test_batches_keep_order_and_pixels(tmp_path: Path) -> None:
    photos = save_photos(tmp_path / "photos", 11)
    build_manifest(config_for(tmp_path / "photos"), tmp_path / "images")
    images = open_images(tmp_path / "images")
    order = np.array([10, 3, 3, 0, 7, 1, 2])
    batches = list(images.batches(order, 32, 3))
    assert [len(ids) for ids, _ in batches] == [3, 3, 1]
    assert np.concatenate([ids for ids, _ in batches]).tolist() == order.tolist()
    stacked = np.concatenate([pixels for _, pixels in batches])
    assert np.array_equal(stacked, np.stack([photos[i] for i in order]))
    assert len(images) == 11 and np.isnan(images.azimuth).all()
    assert sorted([*images.ids(TRAIN), *images.ids(HELDOUT)]) == list(range(11))


def test_a_source_that_moved_away_is_named(tmp_path: Path) -> None:
    save_photos(tmp_path / "photos", 4)
    build_manifest(config_for(tmp_path / "photos"), tmp_path / "images")
    images = open_images(tmp_path / "images")
    (tmp_path / "photos").rename(tmp_path / "elsewhere")
    with pytest.raises(MirageError, match="can no longer be read"):
        images.load(0)
    with pytest.raises(MirageError, match="does not exist"):
        open_images(tmp_path / "images")
    with pytest.raises(MirageError, match="cannot be read"):
        open_images(tmp_path / "never_built")


def test_a_manifest_from_before_viewpoints_and_boxes_opens(tmp_path: Path) -> None:
    photos = save_photos(tmp_path / "photos", 3)
    build_manifest(config_for(tmp_path / "photos"), tmp_path / "images")
    manifest = tmp_path / "images" / "manifest.parquet"
    pq.write_table(pq.read_table(manifest).drop_columns(["viewpoint", "box"]), manifest)
    images = open_images(tmp_path / "images")
    assert list(images.viewpoint) == ["", "", ""]
    assert np.array_equal(images.load_square(2, 32), photos[2])


def test_turntable_brings_its_true_azimuths(tmp_path: Path) -> None:
    config = ImagesConfig(source="turntable", min_count=4)
    config.turntable = TurntableConfig(objects=3, views=2, size=32, workers=1)
    build_manifest(config, tmp_path)
    images = open_images(tmp_path)
    assert len(images) == 6 and len(set(images.object_id)) == 3
    assert ((images.azimuth >= 0.0) & (images.azimuth < 360.0)).all()
    assert len(set(images.azimuth)) == 6
    assert images.load_square(0, 32).shape == (32, 32, 3)
