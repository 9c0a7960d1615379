"""Files are whole or not there; a fingerprint changes with any name, size or time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mirage.files import files_at, fingerprint, replacing


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
