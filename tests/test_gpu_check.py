"""The check of a real GPU: its parts are rehearsed, and none of them costs another its results."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.fixture(scope="module")
def check() -> Iterator[Any]:
    """scripts/gpu_check/check.py as a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SCRIPTS / "gpu_check")
        yield import_module("check")


def python(check: Any, name: str, code: str) -> Any:
    return check.Part(name, [sys.executable, "-c", code], 1.0)


WRITES = "import os, pathlib; pathlib.Path(os.environ['GPU_CHECK_RESULT']).write_text('{\"a\": 1}')"


def test_what_a_part_found_is_kept_whatever_becomes_of_it_and_the_others(
    check: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "_GRACE", 0.5)
    runs = check.Check(tmp_path / "out", 60.0, rehearse=False)
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    parts = {
        "good": WRITES,
        "crashing": f"{WRITES}; print('said'); os.abort()",
        "hanging": f"{WRITES}; {stubborn}; print('hangs', flush=True); time.sleep(60)",
        "lacking": "import a_module_that_is_not_there",
        "counting": "print('3 passed, 2 skipped in 0.1s')",
    }
    began = time.monotonic()
    for name, code in parts.items():
        runs.keep(python(check, name, code), 2.0)
        summary = json.loads((tmp_path / "out" / "summary.json").read_text())
        assert name in summary["parts"] and not summary["finished"]  # as it comes
    runs.keep(check.Part("no program", ["/nowhere/at/all"], 1.0), 2.0)
    assert time.monotonic() - began < 40
    runs.finish()
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    found = summary["parts"]
    assert summary["finished"] and found["good"]["status"] == "done"
    assert found["crashing"]["status"].startswith("failed with -")
    assert found["hanging"]["status"] == "out of time after 2 s"
    assert found["lacking"]["status"] == "skipped: no module a_module_that_is_not_there"
    assert found["counting"]["counts"] == {"passed": 3, "skipped": 2}
    assert found["no program"]["status"].startswith("did not start")
    assert all(found[name]["found"] == {"a": 1} for name in ("good", "crashing", "hanging"))
    assert "said" in (tmp_path / "out" / "log.txt").read_text()


def test_what_is_left_can_be_carried(
    check: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "MOST_BYTES", 1000)
    runs = check.Check(tmp_path, 60.0, rehearse=True)
    runs.keep(python(check, "loud", "print('x' * 5000); print('the end')"), 30.0)
    (tmp_path / "weights-1.safetensors").write_bytes(bytes(2000))
    runs.finish()
    assert {path.name for path in tmp_path.iterdir()} == {"log.txt", "summary.json"}
    log = (tmp_path / "log.txt").read_text()
    assert len(log) <= 1000 and "left out" in log and log.endswith("the end\n")
    assert json.loads((tmp_path / "summary.json").read_text())["too_large"] == [
        "weights-1.safetensors"
    ]


def test_all_parts_together_leave_a_third_for_the_training(check: Any) -> None:
    assert sum(part.share for part in check.plan()) <= 2 / 3 + 0.01


@pytest.mark.e2e
@pytest.mark.timeout(600)
def test_all_of_it_is_rehearsed_on_a_cpu(tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = [str(SCRIPTS / "gpu_check.sh"), "--rehearse", str(out), "9"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    summary = json.loads((out / "summary.json").read_text())
    parts, log = summary["parts"], (out / "log.txt").read_text()
    states = {name: part["status"] for name, part in parts.items()}
    # scikit-learn comes with `make bench`; a toy's losses need not fall.
    allowed = {"done", "skipped: no module sklearn", "gate failed"}
    assert set(states.values()) <= allowed, f"{states}\n{log[-4000:]}"
    assert states["tests"] == states["speed"] == states["training"] == "done"
    assert done.returncode == 0 and summary["finished"]
    assert parts["tests"]["counts"]["passed"] >= 15 and "failed" not in parts["tests"]["counts"]
    speed = parts["speed"]["found"]
    assert speed["photos_128_small bf16"]["images_per_second"] > 0 and speed["peak_tflops"] > 0
    trained = parts["training"]["found"]
    assert trained["steps_done"] == trained["steps"] == 4 and trained["val_loss"] > 0
    assert trained["weights"] == ["weights-1.safetensors"]
    left = {path.name: path.stat().st_size for path in out.iterdir()}
    assert set(left) == {
        "log.txt",
        "metrics.csv",
        "sheet.png",
        "summary.json",
        "weights-1.safetensors",
    }
    assert len(left) <= 8 and max(left.values()) <= 16 * 2**20
