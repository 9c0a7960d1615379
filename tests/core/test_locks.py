"""Locks end with whoever held them."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mirage.core.locks import held

HOLD = """
import sys, time
from pathlib import Path
from mirage.core.locks import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_one_waits_for_the_other_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    order, has_it, may_end = [], threading.Event(), threading.Event()

    def hold() -> None:
        with held(tmp_path / "new" / ".lock"):
            has_it.set()
            may_end.wait()
            order.append("first")

    other = threading.Thread(target=hold)
    other.start()
    has_it.wait()
    threading.Timer(0.2, may_end.set).start()
    with held(tmp_path / "new" / ".lock"):
        order.append("second")
    other.join()
    assert order == ["first", "second"]
    said = capsys.readouterr().out
    assert f"{tmp_path / 'new'}: waiting" in said
    assert f"process {os.getpid()} on {socket.gethostname()}" in said


def test_a_killed_process_lets_go(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path / ".lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        process.kill()
    with held(tmp_path / ".lock"):
        pass


def test_where_nothing_can_be_locked_work_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with held(tmp_path / ".lock"):
        pass
    assert f"{tmp_path} cannot be locked (No locks available)" in capsys.readouterr().err
