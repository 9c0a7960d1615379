"""A progress bar with an estimate, where somebody is looking."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TypeVar

from rich.console import Console
from rich.progress import track

T = TypeVar("T")


def show_progress(items: Iterable[T], what: str, total: int | None = None) -> Iterable[T]:
    """The same items under a bar, if standard error is a terminal."""
    if not sys.stderr.isatty():
        return items
    return track(items, description=what, total=total, console=Console(stderr=True))
