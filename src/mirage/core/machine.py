"""What of this machine is ours: a container may be given fewer processors and less memory.

Of control groups, both versions: https://docs.kernel.org/admin-guide/cgroup-v2.html (cpu.max,
memory.max) and https://docs.kernel.org/admin-guide/cgroup-v1 (cpu.cfs_quota_us and the like). A
limit of a group holds for those below it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

_MOUNTED, _MEMBERSHIP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def reachable_processors() -> int:
    """Of how many processors this process may run on any."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def allowed_processors() -> int:
    """How many processors this process may keep busy, at least 1."""
    return max(1, math.ceil(min(reachable_processors(), *_processor_limits())))


def heed_limits() -> None:
    """Have torch, BLAS and the like start no more threads than that; before they are imported.

    They count the processors that they reach. What OMP_NUM_THREADS says stands.
    """
    if (allowed := allowed_processors()) < reachable_processors():
        os.environ.setdefault("OMP_NUM_THREADS", str(allowed))


def allowed_memory() -> int:
    """Bytes of memory that this process may fill."""
    installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return int(min(installed, *_memory_limits()))


def _processor_limits() -> Iterator[float]:
    yield math.inf
    for group in _groups("cpu"):
        limit, period = [*_read(group / "cpu.max"), "", ""][:2]
        quota = [*_read(group / "cpu.cfs_quota_us"), ""][0]
        if limit.isdigit() and period.isdigit():
            yield int(limit) / int(period)
        elif quota.isdigit():  # -1 where there is none
            yield int(quota) / int([*_read(group / "cpu.cfs_period_us"), "100000"][0])


def _memory_limits() -> Iterator[float]:
    yield math.inf
    for group in _groups("memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):
            yield from (int(word) for word in _read(group / name) if word.isdigit())


def _groups(controller: str) -> Iterator[Path]:
    """The folders of this process's group and of those above it."""
    for line in _lines(_MEMBERSHIP):
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        root = _MOUNTED / controllers if controllers else _MOUNTED
        own = root / path.lstrip("/")
        # A container often sees its own group as the root, and its path from outside.
        yield from (group for group in (own, *own.parents) if group.is_relative_to(root))


def _read(file: Path) -> list[str]:
    return [word for line in _lines(file) for word in line.split()]


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except OSError:  # it has none of these
        return []
