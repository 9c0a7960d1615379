"""Artifacts: what a W&B run made and what it stood on, so that runs are linked to one another.

A run says what it stands on by the content, not by asking a server for a name: so it can say it
offline too. Where the same content is there already, W&B takes the two for one artifact.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import wandb

from mirage.tracking.logger import data_folder, kept_with


@dataclass(frozen=True)
class Bundle:
    """Files that are one thing to W&B.

    Attributes:
        kind: poses | model | evaluation, W&B's type of the artifact.
        key: of the stage that made them; names the artifact.
        files: name in the artifact → where it is.
        facts: what they were made of and with.
        replaced: whether the files are only ever replaced as a whole, so that links do for copies.
    """

    kind: str
    key: str
    files: Mapping[str, Path]
    facts: dict[str, Any] = field(default_factory=dict)
    replaced: bool = False

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.key[:8]}"


def fingerprint_of(bundle: Bundle) -> str:
    """The name with W&B's own digest of the content, the same on every machine."""
    artifact = wandb.Artifact(bundle.name, bundle.kind)
    for name, path in bundle.files.items():
        artifact.add_file(str(path), name, policy="immutable")
    return f"{bundle.name}:{artifact.digest}"


def log_bundle(run: Any, bundle: Bundle) -> None:
    """Say that the run made it."""
    _record(run, bundle, "logs", used=False)


def use_bundle(run: Any, bundle: Bundle) -> None:
    """Say that the run stands on it; W&B links the two when it knows of both."""
    _record(run, bundle, "uses", used=True)


def _record(run: Any, bundle: Bundle, verb: str, used: bool) -> None:
    if run.disabled:
        return
    artifact = wandb.Artifact(bundle.name, bundle.kind, metadata=bundle.facts)
    with kept_with(run):
        for name, path in bundle.files.items():
            if bundle.replaced:
                kept = _link(path, data_folder(run) / "links") if run.offline else path.absolute()
                artifact.add_file(str(kept), name, policy="immutable", skip_cache=True)
            else:
                artifact.add_file(str(path), name)
    # What use_artifact does, which refuses offline, and online waits for the upload.
    run._log_artifact(artifact, is_user_created=True, use_after_commit=used)
    told = f"{bundle.name}:{artifact.digest}"
    run.config.update({f"{verb}_{bundle.kind}": told}, allow_val_change=True)


def _link(path: Path, folder: Path) -> Path:
    """Another name of a file, that keeps its content when the file is replaced."""
    facts = path.stat()
    kept = folder.absolute() / f"{facts.st_ino}-{facts.st_mtime_ns}{path.suffix}"
    if not kept.exists():
        folder.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path.resolve(), kept)
        except OSError:  # another file system, or one without links
            shutil.copyfile(path, kept)
    return kept
