"""Files are found by folder, braces and wildcards, near and far, and what is wrong is told."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from fsspec.registry import known_implementations

from mirage.core.errors import MirageError
from mirage.images.sources.remote import RemoteFiles, absolute, expand_braces

NAMES = ["a-000.tar", "a-001.tar", "a-010.tar", "b-000.tar"]


@pytest.fixture(params=["{tmp}", "file://{tmp}", "memory://set", "simplecache::memory://set"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A place with `NAMES` and a folder of one more, each of four bytes."""
    place = request.param.format(tmp=tmp_path)
    (tmp_path / "deep").mkdir()
    for name in [*NAMES, "deep/c.tar"]:
        with fsspec.open(f"{place.removeprefix('simplecache::')}/{name}", "wb") as file:
            file.write(b"0123")
    yield place
    fsspec.filesystem("memory").store.clear()


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("", NAMES),
        ("/", NAMES),
        ("/a-000.tar", ["a-000.tar"]),
        ("/a-{000..001}.tar", ["a-000.tar", "a-001.tar"]),
        ("/{b,a}-000.tar", ["a-000.tar", "b-000.tar"]),
        ("/a-*.tar", NAMES[:3]),
        ("/{a,b}-0[01]0.tar", ["a-000.tar", "a-010.tar", "b-000.tar"]),
        ("/*/*.tar", ["deep/c.tar"]),
        ("/z*", []),
    ],
)
def test_patterns_find_the_same_files_everywhere(root: str, pattern: str, found: list[str]) -> None:
    files = RemoteFiles(root + pattern)
    assert [file.name for file in files.find()] == found
    assert {file.size for file in files.find()} <= {4}
    for name in found:
        assert files.read(name, 1, 2) == b"12"
        assert files.read(name, 3, 9) == b"3" and files.read(name, 4, 0) == b""


def test_a_name_that_is_not_there_is_told(root: str) -> None:
    with pytest.raises(MirageError, match=r"a-002\.tar does not exist"):
        RemoteFiles(f"{root}/a-{{000..002}}.tar").find()
    with pytest.raises(FileNotFoundError):
        RemoteFiles(root).read("gone.tar", 0, 1)


def test_a_changed_file_has_another_time(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"0123")
    before = RemoteFiles(str(tmp_path)).find()
    assert before == RemoteFiles(str(tmp_path)).find()
    (tmp_path / "a.tar").write_bytes(b"4567")
    assert before != RemoteFiles(str(tmp_path)).find()


@pytest.mark.parametrize(
    "pattern",
    ["x", "a{1..3}", "a{08..11}.tar", "{a,b}{0..1}/c", "x{5}", "{99..101}", "a{b", "{,x}y"],
)
def test_braces_are_those_of_bash(pattern: str) -> None:
    printed = subprocess.run(
        ["bash", "-c", f"printf '%s\\n' {pattern}"], capture_output=True, text=True, check=True
    ).stdout
    assert expand_braces(pattern) == printed.split()


@pytest.mark.parametrize(
    ("url", "problem", "todo"),
    [
        ("nope://x/*.tar", "Protocol not known", "a protocol that fsspec knows"),
        ("far://x/*.tar", "Install farfs", "pip install farfs"),
        ("simplecache::far://x/*.tar", "Install farfs", "pip install farfs"),
    ],
)
def test_a_store_that_cannot_be_opened_is_told(
    url: str, problem: str, todo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = {"class": "farfs.FarFileSystem", "err": "Install farfs to go far"}
    monkeypatch.setitem(known_implementations, "far", missing)
    with pytest.raises(MirageError, match=problem) as told:
        RemoteFiles(url)
    assert todo in told.value.todo


def test_errors_of_a_store_name_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class StoreError(Exception):
        pass

    def refuse(*_: object, **__: object) -> None:
        raise StoreError("no rights\nand much more")

    files = RemoteFiles(str(tmp_path))
    monkeypatch.setattr(fsspec.implementations.local.LocalFileSystem, "cat_file", refuse)
    with pytest.raises(MirageError, match=r"StoreError: no rights\n  where") as told:
        files.read("a.tar", 0, 3)
    assert told.value.where == f"a.tar of {tmp_path}"


def test_local_paths_hold_wherever_a_command_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute("x/a-{0..3}.tar") == str(tmp_path / "x/a-{0..3}.tar")
    assert absolute("s3://b/*.tar") == "s3://b/*.tar"
