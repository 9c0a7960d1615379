"""The parts of the check, in order, each with its share of the time.

Only the standard library is imported here, as in check.py.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PARTS = str(ROOT / "scripts" / "gpu_check" / "parts.py")


@dataclass(frozen=True)
class Part:
    """One thing to find out.

    Attributes:
        command: what is run. share: of the whole time, its limit; what all leave, a third of the
            whole at least, is for the training.
        rehearsed: words in place of `words` on a CPU.
    """

    name: str
    command: list[str]
    share: float
    words: list[str] = field(default_factory=list)
    rehearsed: list[str] = field(default_factory=list)


def _benchmark(name: str, share: float, words: str, rehearsed: str, what: str = "") -> Part:
    command = [sys.executable, str(ROOT / "benchmarks" / f"{name}.py")]
    return Part(f"benchmark {what or name}", command, share, words.split(), rehearsed.split())


def plan() -> list[Part]:
    """All parts but the training, in order: what is told first is what matters most."""
    small = "--photos 8 --batch-size 4 --resolution 16 --rounds 1 --workers 0 --threads 1"
    tests = [
        sys.executable,
        "-m",
        "pytest",
        "-m",
        "gpu",
        "tests/gpu",
        "-n",
        "0",
        "-v",
        "-p",
        "no:cacheprovider",
        "--tb=short",
    ]
    return [
        Part("tests", tests, 0.20),
        Part("speed", [sys.executable, PARTS, "speed"], 0.20),
        _benchmark(
            "training",
            0.07,
            "--precision bf16 --photos 4096 --batch-size 256 --rounds 3",
            f"{small} --precision bf16",
            "training, bf16",
        ),
        _benchmark(
            "orbit",
            0.07,
            "--resolutions 32 64 --rounds 3",
            "--resolutions 32 --views 2 --steps 2 --rounds 1 --threads 1",
        ),
        _benchmark(
            "features",
            0.05,
            "--num-photos 256 --rounds 3",
            "--num-photos 2 --networks effnet_lite --rounds 1 --threads 1",
        ),
        _benchmark(
            "data_path",
            0.04,
            "--num-photos 100000 --rounds 3 --draws",
            "--num-photos 40 --batch-sizes 4 --photos 40 --rounds 1 --draws",
        ),
        _benchmark(
            "kmeans",
            0.04,
            "--num-points 100000 --rounds 3",
            "--num-points 500 --clusters 8 --rounds 1 --threads 1",
        ),
    ]
