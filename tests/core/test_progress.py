"""Progress is told soon and then now and then, in a log, to a script, or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise

import pytest

from mirage.core import progress
from mirage.core.progress import choose, chosen, counting, show_progress


class Time:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Time:
    clock = Time()
    monkeypatch.setattr(progress.time, "monotonic", clock.monotonic)
    return clock


@pytest.fixture(autouse=True)
def style() -> Iterator[None]:
    before = chosen()
    choose("auto")
    yield
    choose(before)


def test_a_log_has_a_line_soon_and_then_one_a_minute(
    clock: Time, capsys: pytest.CaptureFixture[str]
) -> None:
    with counting("train", 1000, done=100, unit="images", each=32, where="process 0 of 2") as count:
        for _ in range(200):
            clock.now += 2.0
            count(1)
    lines = capsys.readouterr().err.splitlines()
    done = [int(line.split()[1].split("/")[0]) for line in lines]
    assert done[0] == 102 and all(b - a == 30 for a, b in pairwise(done))
    assert lines[0] == ("train: 102/1000, 16.0 images/s, about 0:29:56 left (process 0 of 2)")


def test_short_work_is_not_worth_a_line(clock: Time, capsys: pytest.CaptureFixture[str]) -> None:
    for item in show_progress(range(5), "views"):
        clock.now += 0.5
        assert item < 5
    assert capsys.readouterr() == ("", "")


def test_items_are_passed_on_and_the_rate_is_of_late(
    clock: Time, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = []
    for item in show_progress(iter(range(100)), "photos"):  # nobody knows how many
        clock.now += 1.0 if item < 4 else 10.0
        seen.append(item)
    assert seen == list(range(100))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("photos: 3, 1.0/s") and lines[-1].endswith("0.1/s")


def test_a_script_is_told_in_json_on_standard_output(
    clock: Time, capfd: pytest.CaptureFixture[str]
) -> None:
    choose("json")
    for _ in show_progress(list(range(10)), "views"):
        clock.now += 4.0
    said = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [fact["done"] for fact in said] == list(range(1, 10))
    assert said[0] == {
        "progress": "views",
        "done": 1,
        "total": 10,
        "per_second": 0.25,
        "unit": "",
        "seconds_left": 36,
    }


def test_whoever_wants_quiet_has_it(clock: Time, capfd: pytest.CaptureFixture[str]) -> None:
    choose("quiet")
    for _ in show_progress(list(range(10)), "views"):
        clock.now += 100.0
    choose("auto")
    with counting("views", 10, shown=False) as count:
        clock.now += 100.0
        count(5)
    assert capfd.readouterr() == ("", "")


def test_a_terminal_has_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True, raising=False)
    with counting("views", 10, unit="views", each=2) as count:
        count(4)
        (task,) = count.__self__.bar.tasks  # type: ignore[attr-defined]
        assert task.completed == 4 and task.total == 10
