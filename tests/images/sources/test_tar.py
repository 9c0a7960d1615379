"""A tar file is read in place by anyone at once, and nothing in it leads out."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import tarfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from synthetic.shards import add

from mirage.images.sources.registry import open_source
from mirage.images.sources.source import Entry, Source


def make_tar(path: Path, mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for index in range(8):
            add(archive, f"a/{index}.png", bytes([index]) * (1000 + index))
        add(archive, "readme.txt", b"no photo")
    return path


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


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_any_name_can_be_listed_and_read(tmp_path: Path, mode: str) -> None:
    names = [os.fsdecode(b"caf\xe9.png"), "a:b [c].jfif", "x" * 200 + ".jpe"]
    with tarfile.open(tmp_path / "x.tar", mode) as archive:  # type: ignore[call-overload]
        for name in names:
            add(archive, name, os.fsencode(name))
        for name in (".thumbnails/a.png", "__MACOSX/._a.png", "b.nef"):
            add(archive, name, b"x")
    source = open_source("tar", str(tmp_path / "x.tar"))
    entries = list(source.entries())
    good = [entry for entry in entries if not entry.refused]
    assert [entry.path for entry in good] == ["caf\\xe9.png", *names[1:]]
    assert [source.read(entry) for entry in good] == list(map(os.fsencode, names))
    assert [entry.refused.split(":")[0] for entry in entries[3:]] == [
        "hidden, or in a folder of the system",
        "hidden, or in a folder of the system",
        "not read",
    ]


def test_tar_cut_short_keeps_what_came_before(tmp_path: Path) -> None:
    path = make_tar(tmp_path / "x.tar")
    path.write_bytes(path.read_bytes()[:5000])
    source = open_source("tar", str(path))
    assert source.read(next(source.entries())) == bytes([0]) * 1000
