"""Reads back what W&B recorded offline."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wandb.proto import wandb_internal_pb2


@dataclass
class OfflineRun:
    """What one .wandb file holds.

    Attributes:
        started: nanoseconds since 1970.
        about: its id, name, group, job type, commit, and the W&B sweep that it is of.
        config: settings by their top-level names. summaries: name → what is kept of it.
        history: the rows; media are under `<name>/path` and the like.
        artifacts: those of tables too. media: files below the run's `files/`.
    """

    file: Path
    started: int = 0
    about: dict[str, str] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    summaries: dict[str, set[str]] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    artifacts: list[Any] = field(default_factory=list)
    media: list[Path] = field(default_factory=list)

    @property
    def names(self) -> set[str]:
        """All that was logged, but for what W&B adds itself."""
        found = set()
        for row in self.history:
            media = [name.removesuffix("/_type") for name in row if name.endswith("/_type")]
            of = (next((m for m in media if name.startswith(f"{m}/")), name) for name in row)
            found |= {name for name in of if not name.startswith("_")}
        return found

    def logged(self, kind: str, used: bool = False) -> list[Any]:
        """The artifacts of a type that the run made, or those that it used."""
        return [a for a in self.artifacts if a.type == kind and a.use_after_commit == used]

    def tables(self, name: str) -> list[list[dict[str, Any]]]:
        """The rows of each table logged under a name, in order, by their columns."""
        found = []
        for artifact in self.logged("run_table"):
            files = {entry.path: Path(entry.local_path) for entry in artifact.manifest.contents}
            if (table := files.get(f"{name}.table.json")) is not None:
                content = json.loads(table.read_text())
                rows = [dict(zip(content["columns"], r, strict=True)) for r in content["data"]]
                found.append([_with_pictures(row, files) for row in rows])
        return found

    def files(self) -> list[Path]:
        """Every file that syncing reads, wherever it is."""
        kept = [Path(e.local_path) for a in self.artifacts for e in a.manifest.contents]
        return [self.file, *self.media, *kept]


def _with_pictures(row: dict[str, Any], files: dict[str, Path]) -> dict[str, Any]:
    """A row with the files of its pictures."""
    return {
        name: files[value["path"]] if isinstance(value, dict) else value
        for name, value in row.items()
    }


def read_runs(folder: Path) -> list[OfflineRun]:
    """All that is recorded below a folder, the oldest first."""
    runs = [read_run(file) for file in folder.rglob("run-*.wandb")]
    return sorted(runs, key=lambda run: run.started)


def read_run(file: Path) -> OfflineRun:
    """A .wandb file, once W&B has written it out: a process of its own does, by and by."""
    run = OfflineRun(file)
    end = time.monotonic() + 30
    while not any(record.HasField("exit") for record in records(file.read_bytes())):
        assert time.monotonic() < end, "the run does not end"
        time.sleep(0.1)
    for record in records(file.read_bytes()):
        _take(record, run)
    return run


def _take(record: Any, run: OfflineRun) -> None:
    if record.HasField("run"):
        told = record.run
        run.started = told.start_time.ToNanoseconds()
        run.about = {
            "id": told.run_id,
            "name": told.display_name,
            "group": told.run_group,
            "job": told.job_type,
            "sweep": told.sweep_id,
            "commit": told.git.commit,
        }
    for change in (*record.run.config.update, *record.config.update):
        run.config[change.key] = json.loads(change.value_json)
    if record.HasField("metric"):
        kept = {option.name for option, value in record.metric.summary.ListFields() if value}
        run.summaries[record.metric.name] = kept
    if record.HasField("history"):
        items = record.history.item
        run.history.append(
            {i.key or "/".join(i.nested_key): json.loads(i.value_json) for i in items}
        )
    if record.HasField("artifact"):
        run.artifacts.append(record.artifact)
    if record.request.HasField("log_artifact"):
        run.artifacts.append(record.request.log_artifact.artifact)
    run.media += [run.file.parent / "files" / item.path for item in record.files.files]


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
