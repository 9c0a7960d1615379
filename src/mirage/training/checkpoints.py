"""The checkpoints of a training: written whole, the one before kept, the newest whole one found."""

from __future__ import annotations

import io
import logging
import os
import zipfile
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from mirage.core.errors import MirageError
from mirage.core.files import replacing

log = logging.getLogger(__name__)

LAST, BEFORE, BEST = "last.ckpt", "before.ckpt", "best.ckpt"


class WholeCheckpoints(TorchCheckpointIO):
    """Writes a checkpoint whole or not at all; of `last.ckpt` it keeps the one before, too."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Save.

        Raises:
            MirageError: it cannot be written, as on a full disk; those that were there stand.
        """
        path = Path(path)
        packed = io.BytesIO()
        torch.save(checkpoint, packed)
        try:
            with replacing(path) as temporary:
                with temporary.open("wb") as file:
                    file.write(packed.getbuffer())
                    os.fsync(file.fileno())
                if path.name == LAST and path.exists():
                    path.replace(path.with_name(BEFORE))
        except OSError as error:
            raise MirageError(
                f"a checkpoint of {packed.tell() / 2**20:.1f} MiB cannot be written: "
                f"{error.strerror or error}",
                where=str(path),
                todo="free some space; the same command resumes from the previous checkpoint",
            ) from error


def newest_whole(folder: Path) -> Path | None:
    """The checkpoint to go on from, None where there is none; says so if the last is damaged.

    Raises:
        MirageError: there are some, all damaged.
    """
    found = [path for name in (LAST, BEFORE) if (path := folder / name).exists()]
    for path in found:
        if is_whole(path):
            return path
        log.warning(f"{path} is damaged; it is kept as {path.name}.damaged")
        path.replace(path.with_name(f"{path.name}.damaged"))
    if found:
        raise MirageError(
            "no checkpoint of this training can be read",
            where=", ".join(map(str, found)),
            todo="run the same command again to train from the beginning",
        )
    return None


def step_of(path: Path) -> int:
    """The optimizer step that a checkpoint was saved after; its weights are not read."""
    state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    return int(state["global_step"])


def is_whole(path: Path) -> bool:
    """Whether a checkpoint is as it was written, by its own checksums."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (OSError, zipfile.BadZipFile):
        return False
