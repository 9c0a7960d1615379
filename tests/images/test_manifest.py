"""The manifest lists what is usable, and says why the rest is not."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from synthetic.folders import config_for, save_photos

from mirage.config import ImagesConfig, TurntableConfig
from mirage.core.contracts import HELDOUT, TRAIN
from mirage.core.errors import MirageError
from mirage.images import manifest, survey
from mirage.images.decoding import decode
from mirage.images.identity import source_fingerprint
from mirage.images.image_set import open_images
from mirage.images.manifest import build_manifest
from mirage.images.sources.folder import FolderSource
from mirage.images.sources.source import Entry, Source


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


def test_a_folder_without_photos_is_told_what_is_looked_for(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "notes.txt").write_text("none yet")
    with pytest.raises(MirageError, match=r"no photo in it[^$]*\*\.jpg"):
        build_manifest(config_for(tmp_path / "photos"), tmp_path / "images")


def test_photos_of_phones_are_rejected_with_what_would_read_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (tmp_path / "photos").mkdir()
    for name in ("a.heic", "b.HEIC", "c.heif"):
        (tmp_path / "photos" / name).write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    config, folder = config_for(tmp_path / "photos"), tmp_path / "images"
    with pytest.raises(MirageError, match=r"3 HEIC \(`pip install pillow-heif`"):
        build_manifest(config, folder)
    monkeypatch.setattr(survey, "decode", lambda *_: Image.new("RGB", (40, 30)))  # it was installed
    for name in ("a.heic", "b.HEIC", "c.heif"):
        with (tmp_path / "photos" / name).open("ab") as file:
            file.write(name.encode())
    build_manifest(config, folder)
    assert len(open_images(folder)) == 3


def test_a_folder_is_another_one_when_its_photos_of_phones_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_photos(tmp_path / "photos", 3)
    save_photos(tmp_path / "phone", 3)
    (tmp_path / "phone" / "a.HEIC").write_bytes(b"whatever is in it")
    package: Any = ModuleType("pillow_heif")
    package.register_heif_opener = lambda: None
    told = []
    for there in (None, None, package):
        monkeypatch.setitem(sys.modules, "pillow_heif", there)
        decode._open_heic.cache_clear()
        folders = (tmp_path / "photos", tmp_path / "phone")
        told.append([source_fingerprint(config_for(folder)) for folder in folders])
    decode._open_heic.cache_clear()
    assert told[0] == told[1] and told[2][0] == told[0][0]  # no other run is begun again
    assert told[2][1] != told[0][1]


def test_names_that_are_no_utf8_are_listed_and_read(tmp_path: Path) -> None:
    photos = save_photos(tmp_path / "photos", 5)
    (tmp_path / "photos/004.png").rename(tmp_path / "photos" / os.fsdecode(b"z\xe9.png"))
    for name in (b"caf\xe9.txt", b"caf\xe9.jpg", b"\xe9.nef"):
        (tmp_path / "photos" / os.fsdecode(name)).write_bytes(b"no picture")
    assert source_fingerprint(config_for(tmp_path / "photos"))
    build_manifest(config_for(tmp_path / "photos"), tmp_path / "images")
    images = open_images(tmp_path / "images")
    assert images.path[4] == "z\\xe9.png"
    assert np.array_equal(images.load_square(4, 32), photos[4])
    with (tmp_path / "images/rejected.csv").open() as file:
        assert {row["file"] for row in csv.DictReader(file)} == {"caf\\xe9.jpg", "\\xe9.nef"}


class Watched(Source):
    """A source that counts what is read, and stops at a photo."""

    def __init__(self, source: Source, stops_at: str = "") -> None:
        self.source, self.stops_at = source, stops_at
        self.num_read = 0

    def entries(self, part: str = "") -> Iterator[Entry]:
        return self.source.entries(part)

    def read(self, entry: Entry) -> bytes:
        if entry.path == self.stops_at:
            raise KeyboardInterrupt
        self.num_read += 1
        return self.source.read(entry)


def test_a_stopped_build_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos, config = tmp_path / "photos", config_for(tmp_path / "photos")
    save_photos(photos, 23)
    (photos / "020.png").write_bytes((photos / "003.png").read_bytes())
    build_manifest(config, tmp_path / "whole")
    monkeypatch.setattr(survey, "_BLOCK", 4)
    stopped, rest = (Watched(FolderSource(photos), stop) for stop in ("014.png", ""))
    for source in (stopped, rest):
        monkeypatch.setattr(manifest, "open_source", lambda *_, source=source: source)
        with pytest.raises(KeyboardInterrupt) if source is stopped else nullcontext():
            build_manifest(config, tmp_path / "images")
    assert rest.num_read == 23 - 12  # the block in hand, and those after it
    for name in ("manifest.parquet", "rejected.csv"):
        whole, resumed = (tmp_path / folder / name for folder in ("whole", "images"))
        if name == "rejected.csv":
            assert resumed.read_text() == whole.read_text()
        else:
            assert pq.read_table(resumed).equals(pq.read_table(whole))
    assert not (tmp_path / "images" / "work").exists()


def test_what_was_looked_at_under_other_settings_is_not_used(tmp_path: Path) -> None:
    save_photos(tmp_path / "photos", 6)
    strict = config_for(tmp_path / "photos", min_count=7)
    with pytest.raises(MirageError, match="6 usable photos"):
        build_manifest(strict, tmp_path / "images", "before")
    (tmp_path / "photos" / "002.png").write_bytes(b"damaged")
    build_manifest(config_for(tmp_path / "photos"), tmp_path / "images", "after")
    assert len(open_images(tmp_path / "images")) == 5


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


def test_images_that_were_never_listed_are_named(tmp_path: Path) -> None:
    with pytest.raises(MirageError, match="cannot be read"):
        open_images(tmp_path / "never_built")


def test_a_manifest_from_before_viewpoints_boxes_and_places_opens(tmp_path: Path) -> None:
    photos = save_photos(tmp_path / "photos", 3)
    build_manifest(config_for(tmp_path / "photos"), tmp_path / "images")
    manifest = tmp_path / "images" / "manifest.parquet"
    pq.write_table(pq.read_table(manifest).drop_columns(["viewpoint", "box", "offset"]), manifest)
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


@pytest.mark.parametrize(("fit", "side"), [("pad", 60), ("crop", 30), ("stretch", 30)])
def test_the_median_side_is_of_the_sides_that_become_the_square(
    fit: str, side: int, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    for width, height in ((30, 60), (60, 30), (30, 60), (500, 400), (25, 26)):
        pixels = rng.integers(0, 256, (height, width, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{width}-{rng.integers(10**6)}.png")
    config = config_for(tmp_path / "photos")
    config.fit = fit
    build_manifest(config, tmp_path / "images")
    assert open_images(tmp_path / "images").median_side() == side


def test_photos_that_lie_in_a_run_move_with_it(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    pictures = save_photos(tmp_path / "run" / "images" / "rendered", 3)
    table = tmp_path / "run" / "images" / "rendered" / "table.csv"
    table.write_text("path\n" + "\n".join(f"{i:03d}.png" for i in range(3)))
    build_manifest(config_for(table, "csv"), tmp_path / "run" / "images")
    (tmp_path / "run").rename(tmp_path / "moved")
    images = open_images(tmp_path / "moved" / "images")
    assert all(np.array_equal(images.load(i), pictures[i]) for i in range(3))


def test_what_is_known_of_photos_outlives_them(tmp_path: Path) -> None:
    save_photos(tmp_path / "photos", 3)
    build_manifest(config_for(tmp_path / "photos"), tmp_path / "run" / "images")
    (tmp_path / "photos").rename(tmp_path / "elsewhere")
    images = open_images(tmp_path / "run" / "images")
    assert len(images) == 3 and images.fit == "pad"
    with pytest.raises(MirageError, match="not where they were") as raised:
        images.load(0)
    assert f"images.path=PATH run={tmp_path / 'run'}" in raised.value.todo
