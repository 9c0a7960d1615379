"""Files are whole or not there; a fingerprint changes with any name, size or time."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from safetensors import SafetensorError

from mirage.core.errors import MirageError
from mirage.core.files import (
    as_shown,
    as_text,
    file_named,
    files_at,
    fingerprint,
    path_of,
    refusals_told,
    replacing,
)


def test_a_file_that_was_not_finished_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    with replacing(path) as temporary:
        temporary.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(path) as temporary:
        temporary.write_text("new")
        raise ZeroDivisionError
    assert path.read_text() == "old" and list(path.parent.iterdir()) == [path]


def test_a_fingerprint_tells_of_any_change_below_a_folder(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("b", "a", "deep/c"):
        (tmp_path / name).write_text(name)
    seen = [fingerprint(files_at(tmp_path))]

    def is_new() -> bool:
        seen.append(fingerprint(files_at(tmp_path)))
        return seen[-1] not in seen[:-1]

    assert not is_new()
    (tmp_path / "deep" / "c").write_text("longer")
    assert is_new()
    os.utime(tmp_path / "a", (1, 1))
    assert is_new()
    (tmp_path / "b").rename(tmp_path / "bb")
    assert is_new()


def test_a_file_is_known_by_itself_and_nothing_by_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("four")
    assert [facts[:2] for facts in files_at(tmp_path / "a")] == [("a", 4)]
    assert list(files_at(tmp_path / "gone")) == []


@pytest.mark.parametrize(
    ("error", "where", "todo"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "runs/x/a.png"),
            "runs/x/a.png",
            "make room",
        ),
        (OSError(errno.EROFS, "Read-only file system", "runs/x"), "runs/x", "where you may write"),
        (
            PermissionError(errno.EACCES, "Permission denied", "runs/x"),
            "runs/x",
            "where you may write",
        ),
        (OSError("encoder error -2 when writing image file"), "", "resumes from what is done"),
        (SafetensorError("I/O error: No space left on device (os error 28)"), "", "make room"),
    ],
)
def test_what_a_file_system_refuses_is_told_in_words(
    error: Exception, where: str, todo: str
) -> None:
    with pytest.raises(MirageError, match="cannot be read or written") as told, refusals_told():
        raise error
    assert told.value.where == where and todo in told.value.todo


@pytest.mark.parametrize("error", [ZeroDivisionError("defect"), BrokenPipeError(), MirageError("")])
def test_what_it_has_no_part_in_is_left_alone(error: Exception) -> None:
    with pytest.raises(type(error)) as same, refusals_told():
        raise error
    assert same.value is error


@pytest.mark.parametrize("name", [b"caf\xe9.jpg", "Käfer.jpg".encode(), b"a\\xe9.jpg", b"\xff\xfe"])
def test_any_name_can_be_written_and_found_again(name: bytes, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(name)
    path.write_bytes(name)
    text = as_text(path.name)
    assert text.encode() and file_named(tmp_path, text).read_bytes() == name
    assert fingerprint(files_at(tmp_path))


def test_the_home_folder_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert path_of("~/a") == path_of(Path("~/a")) == tmp_path / "a"
    assert path_of("~nobody_of_that_name/a") == Path("~nobody_of_that_name/a")
    assert path_of("a~/b") == Path("a~/b")


def test_a_name_is_shown_on_one_line_and_commands_no_terminal() -> None:
    assert as_shown("a\nb\x1b[31m\t.png") == "a\\nb\\x1b[31m\\t.png"
    assert as_shown("Käfer 日本 🚗 [1].png") == "Käfer 日本 🚗 [1].png"
    assert as_shown(os.fsdecode(b"caf\xe9")) == "caf\\xe9"
