"""A progress bar with an estimate, where somebody is looking."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import Progress, track

T = TypeVar("T")


def show_progress(items: Iterable[T], what: str, total: int | None = None) -> Iterable[T]:
    """The same items under a bar, if standard error is a terminal."""
    if not sys.stderr.isatty():
        return items
    return track(items, description=what, total=total, console=Console(stderr=True))


@contextmanager
def counting(what: str, total: int, shown: bool = True) -> Iterator[Callable[[int], None]]:
    """A bar for work that comes in pieces of different sizes: call with how much more is done."""
    if not shown or not sys.stderr.isatty():
        yield lambda done: None
        return
    with Progress(*Progress.get_default_columns(), console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.advance(task, done)
