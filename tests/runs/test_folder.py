"""A stage is made once, whoever asks for it and however many at a time."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from processes import share_out

from mirage.distributed.ranks import ALONE, Ranks
from mirage.runs.folder import RunFolder


def test_a_stage_that_another_command_makes_is_waited_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun, may_end, made = threading.Event(), threading.Event(), []

    def work() -> None:
        begun.set()
        may_end.wait()

    def first() -> None:
        made.append(RunFolder(tmp_path).make("poses", "key", ALONE, work))

    other = threading.Thread(target=first)
    other.start()
    begun.wait()
    threading.Timer(0.2, may_end.set).start()
    made.append(RunFolder(tmp_path).make("poses", "key", ALONE, lambda: pytest.fail("made twice")))
    other.join()
    assert sorted(made) == [False, True]
    assert f"works in {tmp_path / 'poses'}: waiting" in capsys.readouterr().out


def test_processes_of_one_command_make_a_stage_together(tmp_path: Path) -> None:
    folder, worked = RunFolder(tmp_path), []

    def command(ranks: Ranks) -> bool:
        return folder.make("poses", "key", ranks, lambda: worked.append(ranks.rank))

    assert share_out(3, command) == [True] * 3 and sorted(worked) == [0, 1, 2]
    assert share_out(3, command) == [False] * 3 and len(worked) == 3


def test_what_comes_later_depends_on_what_was_made(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    for key in ("one", "two"):
        assert folder.make("images", key, ALONE, lambda: None, lambda: "the same")
        assert folder.is_done("images", key) and folder.key("images") == "the same"
    assert folder.make("poses", "key", ALONE, lambda: None)
    assert folder.key("poses") == "key"
