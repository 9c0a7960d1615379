"""Paired timings: contenders take turns in one process, and only ratios within a round count."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple


class Seconds(NamedTuple):
    """Time by the clock, and on all processors together, worker processes that ended included."""

    wall: float
    cpu: float


def _now() -> Seconds:
    return Seconds(time.perf_counter(), sum(os.times()[:4]))


def take_turns(
    contenders: dict[str, Callable[[], Any]], rounds: int
) -> tuple[dict[str, list[Seconds]], dict[str, Any]]:
    """What every contender took in every round, and what each returned last.

    The order turns by one every round. A load on the machine that is steady over a round slows
    all alike, and so leaves the ratios.
    """
    seconds: dict[str, list[Seconds]] = {name: [] for name in contenders}
    results: dict[str, Any] = {}
    names = list(contenders)
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            start = _now()
            results[name] = contenders[name]()
            end = _now()
            seconds[name].append(Seconds(end.wall - start.wall, end.cpu - start.cpu))
    return seconds, results


def print_table(
    title: str, seconds: dict[str, list[Seconds]], ours: str, notes: dict[str, str]
) -> None:
    """Median seconds of each contender, and how many times faster `ours` is: median, min, max."""
    print(f"\n{title}")
    print(f"{'':34}{'wall s':>8}{'CPU s':>8}{'speed-up':>10}{'min':>7}{'max':>7}")
    for name, own in seconds.items():
        wall, cpu = (statistics.median(values) for values in zip(*own, strict=True))
        ratios = [peer.wall / mine.wall for peer, mine in zip(own, seconds[ours], strict=True)]
        spread = f"{statistics.median(ratios):10.2f}{min(ratios):7.2f}{max(ratios):7.2f}"
        told = spread if name != ours else " " * len(spread)
        print(f"{name:34}{wall:8.2f}{cpu:8.2f}{told}  {notes[name]}")


def print_versions(packages: list[str], threads: int, rounds: int) -> None:
    """What the timings were taken with."""
    found = []
    for package in packages:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    print(f"Python {platform.python_version()}, {', '.join(found)}")
    print(f"{platform.machine()}, {threads} threads for all, {rounds} rounds")
