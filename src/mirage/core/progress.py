"""How far long work has come, told in one way by all stages: what, how much, rate and estimate.

Where somebody watches it is a bar; in a log, as under Slurm, a line a minute; for scripts, a line
of JSON a second on standard output; or nothing. `choose` says which, once, at the entry point.
"""

from __future__ import annotations

import json
import sys
import time
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

T = TypeVar("T")

STYLES = ("auto", "json", "quiet")

_SOON, _EVERY, _EVERY_JSON = 3.0, 60.0, 1.0  # seconds: to the first line of a log, and between
_chosen = "auto"


def choose(style: str) -> None:
    """Tell of what comes in one of `STYLES`; auto is a bar in a terminal and lines elsewhere."""
    assert style in STYLES
    global _chosen
    _chosen = style


def chosen() -> str:
    """What was chosen."""
    return _chosen


def show_progress(items: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """The same items, told of as they go by.

    Args:
        total: how many there are, where that is known.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    with counting(what, total) as count:
        for item in items:
            yield item
            count(1)


@contextmanager
def counting(
    what: str,
    total: int | None,
    shown: bool = True,
    *,
    done: int = 0,
    unit: str = "",
    each: float = 1.0,
    where: str = "",
) -> Iterator[Callable[[int], None]]:
    """Tell of work that comes in pieces of different sizes: call with how much more is done.

    Args:
        shown: false tells nothing, as in all processes but one.
        done: how much was done before this process began.
        unit, each: what the rate counts, and how many of them a piece has.
        where: which of several processes this is, for lines.
    """
    teller = _teller(shown)(what, total, done, unit, each, where)
    teller.open()
    try:
        yield teller.advance
    finally:
        teller.close()


def _teller(shown: bool) -> type[_Teller]:
    if not shown or _chosen == "quiet":
        return _Teller
    if _chosen == "json":
        return _Json
    return _Bar if sys.stderr.isatty() else _Lines


class _Teller:
    """Counts, and tells nothing."""

    def __init__(
        self, what: str, total: int | None, done: int, unit: str, each: float, where: str
    ) -> None:
        self.what, self.total, self.done = what, total, done
        self.unit, self.each, self.where = unit, each, where

    def open(self) -> None:
        """Before the first piece."""

    def advance(self, pieces: int) -> None:
        """After some more of them."""
        self.done += pieces

    def close(self) -> None:
        """After the last, or where the work broke off."""


class _Bar(_Teller):
    def open(self) -> None:
        self.bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self.task = self.bar.add_task(self.what, total=self.total, completed=self.done, rate="")
        self.bar.start()

    def advance(self, pieces: int) -> None:
        super().advance(pieces)
        speed = self.bar.tasks[0].speed
        rate = "" if speed is None else f"{speed * self.each:.1f} {self.unit}/s"
        self.bar.update(self.task, advance=pieces, rate=rate)

    def close(self) -> None:
        self.bar.stop()


class _Timed(_Teller):
    """Tells now and then, of the rate since it last told."""

    every: float

    def open(self) -> None:
        self.told_at, self.told_of = time.monotonic(), self.done
        self.wait = min(_SOON, self.every)

    def advance(self, pieces: int) -> None:
        super().advance(pieces)
        now = time.monotonic()
        if now - self.told_at < self.wait or self.done == self.total:
            return
        rate = (self.done - self.told_of) / (now - self.told_at)
        left = None if self.total is None else round((self.total - self.done) / rate)
        self.tell(rate * self.each, left)
        self.told_at, self.told_of, self.wait = now, self.done, self.every

    @abstractmethod
    def tell(self, rate: float, left: int | None) -> None:
        """`rate`: units a second. `left`: seconds."""


class _Lines(_Timed):
    every = _EVERY

    def tell(self, rate: float, left: int | None) -> None:
        of = "" if self.total is None else f"/{self.total}"
        line = f"{self.what}: {self.done}{of}, {rate:.1f} {self.unit}/s".replace(" /s", "/s")
        line += "" if left is None else f", about {timedelta(seconds=left)} left"
        print(line + f" ({self.where})" * bool(self.where), file=sys.stderr, flush=True)


class _Json(_Timed):
    every = _EVERY_JSON

    def tell(self, rate: float, left: int | None) -> None:
        tell_json(
            progress=self.what,
            done=self.done,
            total=self.total,
            per_second=round(rate, 3),
            unit=self.unit,
            seconds_left=left,
        )


def tell_json(**facts: object) -> None:
    """One line for a script, on the process's own standard output."""
    print(json.dumps(facts), file=sys.__stdout__, flush=True)
