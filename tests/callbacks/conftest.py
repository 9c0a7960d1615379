"""A person without a W&B key, and what is found in the run that is recorded for them."""

from __future__ import annotations

import builtins
import json
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from wandb.proto import wandb_internal_pb2

VARIABLES = (
    "WANDB_API_KEY", "WANDB_MODE", "WANDB_SILENT", "WANDB_DATA_DIR", "WANDB_RUN_ID",
    "WANDB_SWEEP_ID", "NETRC",
)  # fmt: skip


@pytest.fixture
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person without a key, whose terminal must not be asked anything."""
    for name in VARIABLES:
        monkeypatch.setenv(name, "")  # so that what is set below is undone afterwards
        monkeypatch.delenv(name)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    def refuse(*_: object, **__: object) -> str:
        raise AssertionError("a prompt")

    monkeypatch.setattr(builtins, "input", refuse)
    monkeypatch.setattr("getpass.getpass", refuse)


@dataclass
class OfflineRun:
    """What an offline run recorded: its config, the rows of its history, and its artifacts.

    Attributes:
        about: its id, its group and the W&B sweep that it is of.
    """

    about: dict[str, str] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    artifacts: list[Any] = field(default_factory=list)


ReadBack = Callable[[Path], OfflineRun]


@pytest.fixture
def read_back() -> ReadBack:
    """Reads a .wandb file, once W&B has written it out: a process of its own does, by and by."""

    def read(file: Path) -> OfflineRun:
        run = OfflineRun()
        end = time.monotonic() + 30
        while not any(record.HasField("exit") for record in records(file.read_bytes())):
            assert time.monotonic() < end, "the run does not end"
            time.sleep(0.1)
        for record in records(file.read_bytes()):
            if record.HasField("run"):
                told = record.run
                run.about = {"id": told.run_id, "group": told.run_group, "sweep": told.sweep_id}
            for change in (*record.run.config.update, *record.config.update):
                run.config[change.key] = json.loads(change.value_json)
            if record.HasField("history"):
                items = record.history.item
                run.history.append(
                    {i.key or "/".join(i.nested_key): json.loads(i.value_json) for i in items}
                )
            if record.HasField("artifact"):
                run.artifacts.append(record.artifact)
            if record.request.HasField("log_artifact"):
                run.artifacts.append(record.request.log_artifact.artifact)
        return run

    return read


def records(data: bytes) -> Iterator[wandb_internal_pb2.Record]:
    """The records of a .wandb file: LevelDB's log format after 7 bytes of W&B's own.

    https://github.com/google/leveldb/blob/main/doc/log_format.md
    """
    assert data[:4] in (b":W&B", b"")  # nothing is written yet
    at, pending = 7, b""
    while at + 7 <= len(data):
        if (room := 32768 - at % 32768) < 7:  # the rest of a block is too short for a header
            at += room
            continue
        _, length, kind = struct.unpack("<IHB", data[at : at + 7])
        if at + 7 + length > len(data):  # it is being written
            return
        pending += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield wandb_internal_pb2.Record.FromString(pending)
            pending = b""
