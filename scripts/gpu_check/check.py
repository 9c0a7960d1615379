"""Run the parts of scripts/gpu_check.sh, each in a process and a time of its own.

Only the standard library is imported here: what is broken is a part's trouble.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from plan import PARTS, ROOT, Part, plan

MOST_BYTES = 16 * 2**20  # of a file in OUT
_MARGIN = 10.0  # seconds before the end when all is written
_GRACE = 15.0  # seconds from being told to stop to being killed: a training saves


class Check:
    """What is found, kept as it comes.

    Args:
        out: the folder; flat, and of few files. seconds: for all.
    """

    def __init__(self, out: Path, seconds: float, rehearse: bool) -> None:
        self.out, self.rehearse, self.began = out, rehearse, time.monotonic()
        self.deadline = self.began + seconds - min(_MARGIN, seconds / 10)
        self.seconds = seconds
        out.mkdir(parents=True, exist_ok=True)
        self.log = (out / "log.txt").open("w", encoding="utf-8")
        self.found: dict[str, Any] = {
            "rehearsal": rehearse,
            "minutes": seconds / 60,
            "finished": False,
            "parts": {},
        }
        self.write()

    @property
    def left(self) -> float:
        """Seconds."""
        return self.deadline - time.monotonic()

    def write(self) -> None:
        """Keep the summary, whole at any moment."""
        self.found["seconds"] = round(time.monotonic() - self.began, 1)
        temporary = self.out / "summary.tmp"
        temporary.write_text(json.dumps(self.found, indent=1) + "\n")
        temporary.replace(self.out / "summary.json")

    def run(self, part: Part, limit: float) -> dict[str, Any]:
        """Run a part for at most `limit` seconds; what became of it."""
        words = part.rehearsed if self.rehearse else part.words
        result = self.out / "result.tmp"  # a part writes what it finds here, as it comes
        result.unlink(missing_ok=True)
        environment = os.environ | {
            "GPU_CHECK_RESULT": str(result),
            "GPU_CHECK_OUT": str(self.out),
            "GPU_CHECK_SECONDS": f"{limit:.0f}",
            "GPU_CHECK_REHEARSE": "1" * self.rehearse,
            "WANDB_MODE": "disabled",
            "HF_HUB_OFFLINE": "1",
            "PYTHONUNBUFFERED": "1",
            **({"OMP_NUM_THREADS": "1"} if self.rehearse else {}),  # toys gain nothing by more
        }
        print(f"\n=== {part.name}, {limit:.0f} s at most", file=self.log, flush=True)
        start, from_here = time.monotonic(), self.log.tell()
        peak = _Memory()
        outcome: dict[str, Any] = {}
        try:
            process = subprocess.Popen(
                [*part.command, *words],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=self.log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            outcome["status"] = _wait(process, limit)
        except OSError as error:
            outcome["status"] = f"did not start: {error}"
        outcome["seconds"] = round(time.monotonic() - start, 1)
        outcome |= peak.stop()
        printed = _read_from(self.out / "log.txt", from_here)
        if outcome["status"] != "done" and (lacks := _lacks(printed)):
            outcome["status"] = f"skipped: no module {lacks}"
        if outcome["status"] != "done" and "\nGATE FAILED" in printed:
            outcome["status"] = "gate failed"  # the contenders' results differ
        if counts := re.findall(r"(\d+) (passed|failed|skipped|errors?)\b", printed[-2000:]):
            outcome["counts"] = {name: int(count) for count, name in counts}
        outcome["last_lines"] = printed.splitlines()[-12:]
        with suppress(OSError, ValueError):  # it wrote none, or was ended before it did
            outcome["found"] = json.loads(result.read_text())
        result.unlink(missing_ok=True)
        return outcome

    def keep(self, part: Part, limit: float) -> None:
        """Run a part and keep what became of it, whatever that is."""
        try:
            outcome = self.run(part, limit)
        except Exception as error:  # a fault of this script must not cost the other parts
            outcome = {"status": f"{type(error).__name__}: {error}"}
        self.found["parts"][part.name] = outcome
        self.write()
        print(f"{part.name}: {outcome['status']}, {outcome.get('seconds', 0)} s", flush=True)

    def finish(self) -> None:
        """Leave nothing in OUT that is too large to be carried away."""
        self.log.close()
        _shorten(self.out / "log.txt")
        for path in self.out.iterdir():
            if path.name != "summary.json" and path.stat().st_size > MOST_BYTES:
                path.unlink()
                self.found.setdefault("too_large", []).append(path.name)
        self.found["finished"] = True
        self.write()


class _Memory:
    """The most of a GPU's memory that is in use, as its driver tells, where there is one."""

    def __init__(self) -> None:
        self.most, self.ended = 0, threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        if shutil.which("nvidia-smi"):
            self.thread.start()

    def _watch(self) -> None:
        ask = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
        while not self.ended.wait(1.0):
            try:
                said = subprocess.run(ask, capture_output=True, text=True, timeout=10).stdout
                self.most = max(self.most, *(int(line) for line in said.split()))
            except (OSError, ValueError, TypeError, subprocess.TimeoutExpired):
                return

    def stop(self) -> dict[str, int]:
        self.ended.set()
        return {"gpu_memory_mib": self.most} if self.most else {}


def _wait(process: subprocess.Popen[bytes], limit: float) -> str:
    try:
        status = process.wait(limit)
        return "done" if status == 0 else f"failed with {status}"
    except subprocess.TimeoutExpired:
        for number, patience in ((signal.SIGTERM, _GRACE), (signal.SIGKILL, 5.0)):
            try:
                os.killpg(process.pid, number)
                process.wait(patience)
                break
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue
        return f"out of time after {limit:.0f} s"


def _lacks(printed: str) -> str | None:
    """The module for want of which a part ended."""
    found = re.findall(r"^ModuleNotFoundError: No module named '([\w.]+)'", printed, re.MULTILINE)
    return found[-1] if found else None


def _read_from(path: Path, start: int) -> str:
    with path.open("rb") as file:
        file.seek(start)
        return file.read().decode(errors="replace")


def _shorten(path: Path) -> None:
    """Of a log that is too long: its beginning and its end."""
    text, half = path.read_bytes(), MOST_BYTES // 2 - 100
    if len(text) > MOST_BYTES:
        path.write_bytes(text[:half] + b"\n... left out ...\n" + text[-half:])


def main() -> int:
    parser = argparse.ArgumentParser(description="what only a GPU can show; see gpu_check.sh")
    parser.add_argument("out", type=Path)
    parser.add_argument("minutes", type=float, nargs="?", default=9.0)
    parser.add_argument(
        "cache",
        type=Path,
        nargs="?",
        default=os.environ.get("CACHE"),
        help="to train on, as parts.py packs it; $CACHE where it is not given",
    )
    parser.add_argument("--rehearse", action="store_true", help="on a CPU, at toy size")
    args = parser.parse_args()
    check = Check(args.out.resolve(), 60 * args.minutes, args.rehearse)
    for part in plan():
        limit = min(part.share * check.seconds, check.left - _GRACE)
        if limit > 0:
            check.keep(part, limit)
    words = [str(Path(args.cache).resolve())] if args.cache else []
    training = Part("training", [sys.executable, PARTS, "training", *words], 1.0)
    check.keep(training, max(1.0, check.left - _GRACE))
    check.finish()
    parts = check.found["parts"].values()
    # A toy's losses need not fall.
    fine = ("done", "skipped", *(["gate failed"] if args.rehearse else []))
    good = all(part["status"].startswith(fine) for part in parts)
    print(f"{'all parts done' if good else 'some parts failed'}: {args.out / 'summary.json'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
