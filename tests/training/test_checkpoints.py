"""Checkpoints that were damaged are not gone on from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from mirage.core.errors import MirageError
from mirage.training.checkpoints import BEFORE, LAST, WholeCheckpoints, newest_whole


def save(folder: Path, *steps: int) -> None:
    for step in steps:
        content = {"global_step": step, "weights": torch.full((1000,), float(step))}
        WholeCheckpoints().save_checkpoint(content, folder / LAST)


def step_of(path: Path | None) -> int:
    assert path is not None
    return int(torch.load(path, weights_only=True)["global_step"])


def test_the_last_and_the_one_before_are_kept(tmp_path: Path) -> None:
    assert newest_whole(tmp_path) is None
    save(tmp_path, 1)
    assert step_of(newest_whole(tmp_path)) == 1
    save(tmp_path, 2, 3)
    assert step_of(newest_whole(tmp_path)) == 3 and step_of(tmp_path / BEFORE) == 2
    assert {path.name for path in tmp_path.iterdir()} == {LAST, BEFORE}


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: content[:2000] + bytes([content[2000] ^ 1]) + content[2001:],
        lambda content: b"",
        lambda content: bytes(len(content)),
    ],
    ids=["cut short", "one bit", "empty", "zeros"],
)
def test_a_damaged_one_is_set_aside(
    tmp_path: Path, damage: Callable[[bytes], bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path, 1, 2)
    last = tmp_path / LAST
    last.write_bytes(damage(last.read_bytes()))
    assert step_of(newest_whole(tmp_path)) == 1
    assert "is damaged" in capsys.readouterr().err
    save(tmp_path, 2)  # what is damaged does not push out what is whole
    assert step_of(tmp_path / LAST) == 2 and step_of(tmp_path / BEFORE) == 1


def test_all_damaged_is_an_error_and_then_a_beginning(tmp_path: Path) -> None:
    save(tmp_path, 1, 2)
    for name in (LAST, BEFORE):
        (tmp_path / name).write_bytes(b"?")
    with pytest.raises(MirageError, match="no checkpoint"):
        newest_whole(tmp_path)
    assert newest_whole(tmp_path) is None


def test_what_cannot_be_written_leaves_what_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, 1)

    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(MirageError, match="No space left on device"):
        save(tmp_path, 2)
    assert step_of(newest_whole(tmp_path)) == 1
    assert [path.name for path in tmp_path.iterdir()] == [LAST]
