"""Where the jobs of a sweep run: here, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from mirage.config import Config


def launch_all(task: Callable[[Config], str], configs: Sequence[Config], folder: Path) -> list[str]:
    """`task` of each configuration; what each returned, in order.

    Args:
        task: must not raise, and must pickle where it leaves this process.
        folder: for what the launcher itself writes.
    """
    return [task(config) for config in configs]
