"""What a container is given counts, and not what its host has."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mirage.core import machine
from mirage.core.machine import allowed_memory, allowed_processors, heed_limits
from mirage.distributed.threads import num_processors

Groups = Callable[[str, dict[str, str]], None]


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Groups:
    """A host of 64 processors; the groups that a process of it is in, and their files."""

    def be(membership: str, files: dict[str, str]) -> None:
        (tmp_path / "membership").write_text(membership)
        for name, content in files.items():
            (tmp_path / "groups" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "groups" / name).write_text(content + "\n")

    monkeypatch.setattr(machine, "_MOUNTED", tmp_path / "groups")
    monkeypatch.setattr(machine, "_MEMBERSHIP", tmp_path / "membership")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    return be


@pytest.mark.parametrize(
    ("membership", "files", "processors"),
    [
        ("", {}, 64),
        ("0::/\n", {"cpu.max": "max 100000"}, 64),
        ("0::/\n", {"cpu.max": "250000 100000"}, 3),
        ("0::/\n", {"cpu.max": "50000 100000"}, 1),
        ("0::/pod/job\n", {"pod/cpu.max": "400000 100000", "pod/job/cpu.max": "max 100000"}, 4),
        ("0::/from/outside\n", {"cpu.max": "200000 100000"}, 2),
        (
            "4:memory:/a\n2:cpu,cpuacct:/docker/x\n",
            {
                "cpu,cpuacct/docker/x/cpu.cfs_quota_us": "600000",
                "cpu,cpuacct/docker/x/cpu.cfs_period_us": "100000",
            },
            6,
        ),
        ("1:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 64),
    ],
)
def test_processors_are_those_that_a_group_is_given(
    groups: Groups, membership: str, files: dict[str, str], processors: int
) -> None:
    groups(membership, files)
    assert allowed_processors() == num_processors() == processors


@pytest.mark.parametrize(
    ("membership", "files"),
    [
        ("0::/\n", {"memory.max": "3000000"}),
        ("0::/pod\n", {"memory.max": "max", "pod/memory.max": "3000000"}),
        (
            "3:memory:/x\n",
            {
                "memory/x/memory.limit_in_bytes": "3000000",
                "memory/memory.limit_in_bytes": "9223372036854771712",
            },
        ),
    ],
)
def test_memory_is_what_a_group_is_given(
    groups: Groups, membership: str, files: dict[str, str]
) -> None:
    groups(membership, files)
    assert allowed_memory() == 3_000_000


@pytest.mark.parametrize(
    ("limit", "said", "threads"),
    [("max 100000", None, None), ("200000 100000", None, "2"), ("200000 100000", "5", "5")],
)
def test_libraries_start_as_many_threads(
    groups: Groups,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    said: str | None,
    threads: str | None,
) -> None:
    groups("0::/\n", {"cpu.max": limit})
    monkeypatch.setenv("OMP_NUM_THREADS", said or "")
    if said is None:
        monkeypatch.delenv("OMP_NUM_THREADS")
    heed_limits()
    assert os.environ.get("OMP_NUM_THREADS") == threads
