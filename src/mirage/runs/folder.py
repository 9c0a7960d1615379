"""A run's folder, and when a stage in it is done.

A finished stage leaves a stamp: the hash of everything its output depends on. The same hash again
means there is nothing to do; each stage's hash includes that of the stage before. Where what a
stage depends on can change and its output be the same, as with photos that were copied, the stamp
has a hash of the output too, and that is what later stages depend on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from mirage.core.errors import MirageError
from mirage.core.files import replacing
from mirage.core.locks import held
from mirage.distributed.ranks import Ranks

STAGES = (
    "images",
    "autoencoder",
    "poses",
    "train",
    "refine",
    "model",
    "views",
    "shape",
    "evaluate",
    "report",
)
# What the poses are kept in, which later stages read.
BANK_FILE, LABELS_FILE, SUMMARY_FILE = "bank.safetensors", "labels.parquet", "summary.json"
VIEWS_FILE = "views.json"  # what is known of the views of one object, in their folder
_MADE_BY = {
    "model": "train",
    "shape": "reconstruct",
}  # the command that makes a folder not named after itself


@dataclass(frozen=True)
class RunFolder:
    """runs/<name>/ and the folders of its stages."""

    root: Path

    def __getitem__(self, stage: str) -> Path:
        if stage not in STAGES:
            raise KeyError(stage)
        return self.root / stage

    def is_done(self, stage: str, key: str | None = None) -> bool:
        """Whether the stage finished, with this key if one is given."""
        stamp = self._stamp(stage)
        return stamp is not None and (key is None or stamp["key"] == key)

    def key(self, stage: str) -> str:
        """The hash that a finished stage left for those after it.

        Raises:
            MirageError: the stage has not finished; names the command that makes it.
        """
        stamp = self._stamp(stage)
        if stamp is None:
            command = _MADE_BY.get(stage, stage)
            raise MirageError(
                f"this needs the {stage} of the run, and there is none yet",
                where=str(self[stage]),
                todo=f"run `mirage {command} run={self.root}` first, or `mirage run` for all",
            )
        return stamp["output"]

    def finish(self, stage: str, key: str, output: str | None = None) -> None:
        """Stamp a stage as done.

        Args:
            output: a hash of what was made; None where `key` says all of it.
        """
        write_json(self[stage] / ".stamp.json", {"key": key, "output": output or key})

    def reopen(self, stage: str) -> None:
        """Take the stamp off before output is touched, so that a kill leaves no false claim."""
        (self[stage] / ".stamp.json").unlink(missing_ok=True)

    def make(
        self,
        stage: str,
        key: str,
        ranks: Ranks,
        work: Callable[[], object],
        identify: Callable[[], str] | None = None,
    ) -> bool:
        """Do a stage's work unless it is done; all processes together, each of which must call it.

        Another command that works on the stage of this run is waited for: it may be doing it.

        Args:
            work: what every process does; the stage counts as done when all have.
            identify: a hash of what was made; None where `key` says all of it.

        Returns:
            Whether there was anything to do.
        """

        def is_done() -> bool:
            # One looks, and before any works: another must not find done what is done meanwhile.
            return ranks.gather(ranks.is_first and self.is_done(stage, key))[0]

        if is_done():
            return False
        with self.held(stage) if ranks.is_first else nullcontext():
            if is_done():
                return False
            if ranks.is_first:
                self.unshare(stage)
                self.reopen(stage)
            ranks.wait()
            work()
            ranks.wait()
            if ranks.is_first:
                self.finish(stage, key, None if identify is None else identify())
            ranks.wait()
        return True

    def held(self, what: str) -> AbstractContextManager[None]:
        """Hold a stage, or a folder below it, for this command alone; see `mirage.core.locks`.

        The lock is in the run's own folder, for a stage's may be set aside or be another run's.
        """
        return held(self.root / ".locks" / f"{what.replace('/', '-')}.lock", self.root / what)

    def unshare(self, stage: str) -> None:
        """Let go of a folder that the runs of a sweep share: it is not this run's to change."""
        if self.is_shared(stage):
            self[stage].unlink()

    def is_shared(self, stage: str) -> bool:
        """Whether runs of a sweep share this folder."""
        return self[stage].is_symlink()

    def _stamp(self, stage: str) -> dict[str, str] | None:
        try:
            stamp = json.loads((self[stage] / ".stamp.json").read_text())
            return {"key": str(stamp["key"]), "output": str(stamp.get("output", stamp["key"]))}
        except (OSError, ValueError, KeyError):
            return None


def hash_of(*parts: Any) -> str:
    """A short hash of configuration dataclasses and plain values."""

    def plain(value: Any) -> Any:
        return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value

    text = json.dumps([plain(p) for p in parts], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def save_picture(path: Path, picture: Image.Image) -> None:
    """Save a picture by way of a temporary name."""
    with replacing(path) as temporary:
        picture.save(temporary)


def open_picture(path: Path) -> Image.Image:
    """A picture as RGB.

    Raises:
        MirageError: the file is missing or damaged.
    """
    try:
        with Image.open(path) as picture:
            return picture.convert("RGB")
    except OSError as error:
        raise MirageError(f"cannot be read: {error}", where=str(path)) from error


def write_json(path: Path, content: Any) -> None:
    """Write JSON by way of a temporary name."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n")


def read_json(path: Path) -> Any:
    """Read JSON.

    Raises:
        MirageError: the file is missing or damaged.
    """
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise MirageError(f"cannot be read: {error}", where=str(path)) from error
