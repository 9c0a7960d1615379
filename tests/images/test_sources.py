"""Sources list the same photos in the same order, read them anywhere, and follow nothing out."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import tarfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from made_up_shards import add

from mirage.errors import MirageError
from mirage.images.entry import Entry, Source
from mirage.images.sources import open_source


def make_tar(path: Path, mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for index in range(8):
            add(archive, f"a/{index}.png", bytes([index]) * (1000 + index))
        add(archive, "readme.txt", b"no photo")
    return path


def test_folder_is_recursive_sorted_and_survives_link_loops(tmp_path: Path) -> None:
    (tmp_path / "b/c").mkdir(parents=True)
    for name in ("b/c/2.JPG", "b/1.png", "z.webp", "notes.txt", ".hidden.png"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "b/loop").symlink_to(tmp_path)
    (tmp_path / "broken.png").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.png")
    source = open_source("folder", str(tmp_path))
    good = [entry.path for entry in source.entries() if not entry.refused]
    assert good == ["z.webp", "b/1.png", "b/c/2.JPG"]
    assert {entry.path for entry in source.entries() if entry.refused} == {
        "broken.png",
        "pipe.png",
    }
    assert source.read(Entry("b/c/2.JPG")) == b"b/c/2.JPG"


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_tar_is_read_in_place_in_any_order_and_after_pickling(tmp_path: Path, mode: str) -> None:
    source = open_source("tar", str(make_tar(tmp_path / "x.tar", mode)))
    entries = list(source.entries())
    assert [entry.path for entry in entries] == [f"a/{index}.png" for index in range(8)]
    reopened: Source = pickle.loads(pickle.dumps(source))
    for reader in (source, reopened):
        for index in (7, 0, 3):
            for entry in (entries[index], Entry(f"a/{index}.png")):  # by position, or by name
                assert reader.read(entry) == bytes([index]) * (1000 + index)


def _read_often(source: Source, entry: Entry, index: int) -> bool:
    want = bytes([index]) * (1000 + index)
    return all(source.read(entry) == want for _ in range(200))


def test_tar_is_safe_in_threads_and_forks(tmp_path: Path) -> None:
    source = open_source("tar", str(make_tar(tmp_path / "x.tar")))
    entries = list(source.entries())
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(partial(_read_often, source), entries, range(8))) == 8
    context = multiprocessing.get_context("fork")
    outcome = context.Queue()
    children = [
        context.Process(target=lambda i=i: outcome.put(_read_often(source, entries[i], i)))
        for i in range(3)
    ]
    for child in children:
        child.start()
    assert all(outcome.get(timeout=20) for _ in children)
    for child in children:
        child.join()


def test_tar_tricks_are_refused_with_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "evil.tar"
    with tarfile.open(path, "w") as archive:
        add(archive, "/etc/absolute.png", b"x")
        add(archive, "a/../../up.png", b"x")
        add(archive, "soft.png", kind=tarfile.SYMTYPE)
        add(archive, "hard.png", kind=tarfile.LNKTYPE)
        add(archive, "device.png", kind=tarfile.CHRTYPE)
        add(archive, "fine.png", b"fine")
    source = open_source("tar", str(path))
    entries = {entry.path: entry for entry in source.entries()}
    refused = {name: entry.refused for name, entry in entries.items()}
    assert [name for name, reason in refused.items() if not reason] == ["fine.png"]
    assert "outside" in refused["/etc/absolute.png"] and "outside" in refused["a/../../up.png"]
    assert all("link" in refused[f"{kind}.png"] for kind in ("soft", "hard", "device"))
    assert source.read(entries["fine.png"]) == b"fine"
    with pytest.raises((OSError, KeyError)):
        source.read(entries["soft.png"])


def test_tar_cut_short_keeps_what_came_before(tmp_path: Path) -> None:
    path = make_tar(tmp_path / "x.tar")
    path.write_bytes(path.read_bytes()[:5000])
    source = open_source("tar", str(path))
    assert source.read(next(source.entries())) == bytes([0]) * 1000


def test_csv_reads_its_columns_relative_to_itself(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p/1.png").write_bytes(b"one")
    (tmp_path / "list.csv").write_text(
        "path,azimuth,object_id,split,viewpoint\np/1.png,-30,car1,heldout, rear-side\np/2.png,,,,\n"
    )
    source = open_source("csv", str(tmp_path / "list.csv"))
    first, second = source.entries()
    assert (first.azimuth, first.object_id, first.split) == (330.0, "car1", "heldout")
    assert (first.viewpoint, second.viewpoint) == ("rear-side", "")
    assert (second.azimuth, second.object_id, second.split) == (None, "", "")
    assert source.read(first) == b"one"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("file\na.png\n", "no column named path"),
        ("path,azimuth\na.png,north\n", "not a number"),
        ("path,split\na.png,test\n", "split 'test'"),
    ],
)
def test_csv_says_what_is_wrong(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "list.csv").write_text(text)
    source = open_source("csv", str(tmp_path / "list.csv"))
    with pytest.raises(MirageError, match=complaint):
        list(source.entries())


def test_the_wrong_kind_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"no tar")
    with pytest.raises(MirageError, match="does not exist"):
        open_source("folder", str(tmp_path / "gone"))
    with pytest.raises(MirageError, match=r"images\.source=folder"):
        open_source("tar", str(tmp_path))
    with pytest.raises(MirageError, match="tar"):
        open_source("tar", str(tmp_path / "x.tar"))
