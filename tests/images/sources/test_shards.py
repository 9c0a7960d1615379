"""Shards are listed once, read by position, and what is wrong with them is told."""

from __future__ import annotations

import gzip
import os
import pickle
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import fsspec
import pytest
from synthetic.shards import SIZES, add, save_shards, tar_of

from mirage.core.contracts import HELDOUT
from mirage.core.errors import MirageError
from mirage.images.sources.registry import open_source
from mirage.images.sources.source import Entry


def entries_of(path: str | Path) -> dict[str, Entry]:
    """Every entry by its path, of which no two may be the same."""
    source = open_source("shards", str(path))
    entries = [entry for part in source.parts() for entry in source.entries(part)]
    by_path = {entry.path: entry for entry in entries}
    assert len(by_path) == len(entries)
    return by_path


def refusals(path: str | Path) -> dict[str, str]:
    return {name: entry.refused for name, entry in entries_of(path).items() if entry.refused}


@pytest.mark.parametrize("pattern", ["", "/cars-*.tar", "/cars-{000000..000002}.tar"])
@pytest.mark.parametrize("place", ["{tmp}", "file://{tmp}", "memory://photos"])
def test_every_photo_is_listed_in_order_and_read_by_position(
    tmp_path: Path, memory: str, place: str, pattern: str
) -> None:
    root = place.format(tmp=tmp_path)
    pictures = save_shards(root, SIZES)
    entries = entries_of(root + pattern)
    assert list(entries) == list(pictures)
    source = pickle.loads(pickle.dumps(open_source("shards", root + pattern)))
    for name in reversed(pictures):
        assert source.read(entries[name]) == pictures[name]
    assert [entry.object_id for entry in entries.values()] == [f"car {i // 2}" for i in range(17)]


def test_of_a_photo_its_bytes_are_read_and_no_more(
    memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = save_shards(memory, SIZES)
    entries = entries_of(memory)
    source = open_source("shards", memory)
    store, asked = type(fsspec.filesystem("memory")), []
    whole = store.cat_file

    def watched(self: Any, path: str, start: int, end: int) -> bytes:
        asked.append(end - start)
        return bytes(whole(self, path, start, end))

    monkeypatch.setattr(store, "cat_file", watched)
    monkeypatch.setattr(store, "open", None)
    name = list(pictures)[7]
    assert source.read(entries[name]) == pictures[name]
    assert asked == [len(pictures[name])]


def test_members_are_where_tarfile_says(tmp_path: Path) -> None:
    """With names that need longer headers, in every format."""
    long = "d" * 120 + "/é" + "n" * 90
    for name in ("USTAR", "GNU", "PAX"):
        path = tmp_path / f"{name}.tar"
        with tarfile.open(path, "w", format=getattr(tarfile, f"{name}_FORMAT")) as archive:
            for index, key in enumerate(("a", "short/b" if name == "USTAR" else long)):
                add(archive, f"{key}.png", bytes([index]) * 700)
    entries = entries_of(tmp_path)
    for name in ("USTAR", "GNU", "PAX"):
        with tarfile.open(tmp_path / f"{name}.tar") as archive:
            for member in archive:
                entry = entries[f"{name}.tar/{member.name}"]
                assert (entry.offset, entry.num_bytes) == (member.offset_data, member.size)


def test_samples_are_told_apart_as_webdataset_does(tmp_path: Path) -> None:
    members = [
        "__index__",
        "left/1.jpg",
        "left/1.seg.png",
        "right/1.JPEG",
        "right/1.json",
        "no_suffix",
        ".hidden.png",
        "v1.0/2.png",
        "./3.jpg",
        "./3.json",
    ]
    content = {
        "right/1.json": b'{"azimuth": -30, "split": "heldout", "viewpoint": " side"}',
        "./3.json": b'{"object_id": 7}',
    }
    (tmp_path / "x.tar").write_bytes(tar_of([(n, content.get(n, b"?")) for n in members]))
    entries = entries_of(tmp_path)
    photos = ["left/1.jpg", "right/1.JPEG", "v1.0/2.png", "3.jpg"]
    assert list(entries) == [f"x.tar/{name}" for name in photos]
    right = entries["x.tar/right/1.JPEG"]
    assert (right.azimuth, right.split, right.viewpoint) == (330.0, HELDOUT, "side")
    assert entries["x.tar/3.jpg"].object_id == "7"


def test_a_folder_that_was_packed_keeps_all_its_photos(tmp_path: Path) -> None:
    photos = [
        "Shot at 10.30.12.png",
        "Shot at 10.31.05.png",
        "car.1.jpg",
        "car.2.jpg",
        "deep/my.car.png",
        "deep/my.dog.png",
        "v1.2/Photo 1. Mai.JPG",
        os.fsdecode(b"caf\xe9.1.png"),
    ]
    facts = ("Shot at 10.30.12.json", "deep/my.car.json")
    for name in (*photos, *facts, ".thumbnails/car.1.jpg", "deep/._my.car.png"):
        path = tmp_path / "folder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b'{"azimuth": 7}' if name in facts else os.fsencode(name))
    pack = ["tar", "--sort=name", "-cf", "x.tar", "-C", "folder", "."]  # as the docs say
    subprocess.run(pack, cwd=tmp_path, check=True)
    entries = entries_of(tmp_path / "x.tar")
    good = {name: entry for name, entry in entries.items() if not entry.refused}
    assert set(good) == {f"x.tar/{name}" for name in [*photos[:-1], "caf\\xe9.1.png"]}
    assert {name for name, entry in good.items() if entry.azimuth == 7} == {
        "x.tar/Shot at 10.30.12.png",
        "x.tar/deep/my.car.png",
    }
    (left,) = set(entries) - set(good)
    assert left == "x.tar/.thumbnails/car.1.jpg" and entries[left].refused.startswith("hidden")
    source = open_source("shards", str(tmp_path / "x.tar"))
    for name in photos[:-1]:
        assert source.read(good[f"x.tar/{name}"]) == name.encode()


def test_other_pictures_of_a_sample_are_no_photos(tmp_path: Path) -> None:
    members = ["1.jpg", "1.seg.png", "1.depth_map.png", "2.seg.png", "2.cls"]
    (tmp_path / "x.tar").write_bytes(tar_of([(name, b"?") for name in members]))
    assert list(entries_of(tmp_path)) == ["x.tar/1.jpg", "x.tar/2"]
    assert refusals(tmp_path) == {"x.tar/2": "no picture in the sample"}


def test_bad_samples_are_refused_with_a_reason_and_the_rest_is_kept(tmp_path: Path) -> None:
    members = ["1.txt", "2.png", "2.jpg", "3.png", "4.png", "3.jpg", "5.webp", "6.png"]
    (tmp_path / "x.tar").write_bytes(tar_of([(name, b"?") for name in members]))
    assert refusals(tmp_path) == {
        "x.tar/1": "no picture in the sample",
        "x.tar/2": "several pictures in one sample: 2.png, 2.jpg",
        "x.tar/3.jpg": "its name was there before in the shard",
    }
    assert list(entries_of(tmp_path))[-2:] == ["x.tar/5.webp", "x.tar/6.png"]


def test_tricks_are_refused_with_a_reason(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "evil.tar", "w") as archive:
        add(archive, "/etc/absolute.png", b"x")
        add(archive, "a/../../up.png", b"x")
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE):
            add(archive, f"trick{kind.decode()}.png", kind=kind)
        add(archive, "1.png", b"x")
        add(archive, "1.json", kind=tarfile.SYMTYPE)
        add(archive, "fine.png", b"fine")
    refused = refusals(tmp_path)
    assert set(entries_of(tmp_path)) - set(refused) == {"evil.tar/fine.png"}
    assert sorted("outside" in reason for reason in refused.values()) == [False] * 4 + [True] * 2
    with pytest.raises(OSError):
        open_source("shards", str(tmp_path)).read(Entry("evil.tar/trick2.png"))


def test_a_shard_cut_short_keeps_what_came_before_and_is_named(tmp_path: Path) -> None:
    whole = tar_of([(f"{index}.png", bytes([index]) * 900) for index in range(4)])
    for size in range(512, 4 * 1536 + 1, 256):
        (tmp_path / "x.tar").write_bytes(whole[:size])
        entries = entries_of(tmp_path)
        good = [entry for entry in entries.values() if not entry.refused]
        assert entries["x.tar"].refused.startswith("cut short")
        assert len(good) == (size + 1536 - 512 - 900) // 1536, size
        source = open_source("shards", str(tmp_path))
        assert [source.read(entry) for entry in good] == [
            bytes([index]) * 900 for index in range(len(good))
        ]
        others = set(entries) - {"x.tar"} - {entry.path for entry in good}
        assert all(entries[name].refused.startswith("truncated") for name in others)


def test_a_shard_that_vanishes_is_named_and_the_others_are_used(memory: str) -> None:
    pictures = save_shards(memory, SIZES)
    source = open_source("shards", memory)
    parts, entries = source.parts(), entries_of(memory)
    fsspec.filesystem("memory").rm("/photos/cars-000001.tar")
    (gone,) = source.entries(parts[1])
    assert gone.path == "cars-000001.tar" and gone.refused.startswith("vanished")
    assert len(list(source.entries(parts[2]))) == 3
    with pytest.raises(FileNotFoundError):
        source.read(entries[list(pictures)[6]])


@pytest.mark.parametrize("name", ["x.tar.gz", "x.tgz", "x.tar.xz", "x.tar.zst", "x.tar"])
def test_compressed_shards_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(gzip.compress(tar_of([("1.png", b"1")])))
    for path in (tmp_path, tmp_path / name, tmp_path / "x.*"):
        with pytest.raises(MirageError, match="compressed") as told:
            entries_of(path)
        assert name in told.value.where and "decompress" in told.value.todo


@pytest.mark.parametrize("content", [b"", b"no tar" * 200])
def test_what_is_no_tar_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.tar").write_bytes(content)
    with pytest.raises(MirageError, match="not a readable tar file") as told:
        entries_of(tmp_path)
    assert told.value.where == "x.tar"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b'{"azimuth": "north"}', "azimuth 'north' is not a number"),
        (b'{"split": "test"}', "split 'test' is not a choice"),
        (b"{azimuth", "not JSON"),
        (b"\xff\xfe\xfa", "not JSON"),
    ],
)
def test_what_a_json_says_wrongly_is_told_with_its_place(
    tmp_path: Path, text: bytes, complaint: str
) -> None:
    (tmp_path / "x.tar").write_bytes(tar_of([("1.png", b"?"), ("1.json", text)]))
    with pytest.raises(MirageError, match=complaint) as told:
        entries_of(tmp_path)
    assert told.value.where == "x.tar/1.json"


@pytest.mark.parametrize("text", [b"[1, 2]", b'{"azimuth": null, "object_id": ""}', b"{}"])
def test_a_json_that_says_nothing_of_these_is_let_be(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "x.tar").write_bytes(tar_of([("1.png", b"?"), ("1.json", text)]))
    entry = entries_of(tmp_path)["x.tar/1.png"]
    assert (entry.object_id, entry.azimuth, entry.split) == ("", None, "")


def test_no_shards_are_told(tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"?")
    for path in (tmp_path, tmp_path / "photo.png", tmp_path / "*.tar"):
        with pytest.raises(MirageError, match="no shards") as told:
            entries_of(path)
        assert "images.path" in told.value.where
    with pytest.raises(MirageError, match="does not exist"):
        entries_of(tmp_path / "gone")
