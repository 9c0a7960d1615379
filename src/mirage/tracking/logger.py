"""W&B: offline where there is no key, never a prompt, everything inside the run's folder."""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import wandb
from lightning.pytorch.loggers import Logger, WandbLogger

from mirage.core.errors import MirageError
from mirage.tracking.key import find_mode
from mirage.tracking.names import define

log = logging.getLogger(__name__)

PROJECT = "mirage"
_ID, _PLACE = "wandb_id.txt", "wandb_place.txt"  # of a W&B run, and where its folder was


@dataclass(frozen=True)
class Record:
    """What W&B is told of a run, and where that is kept.

    Attributes:
        folder: of the record.
        name: of the W&B run. job: its job type. group: of W&B runs, this one among them.
        config: settings, and where all comes from.
        commit: of the code; None where it is in no repository.
        resumes: whether what is recorded later in the same folder is the same W&B run.
    """

    folder: Path
    name: str
    job: str
    config: dict[str, Any] = field(default_factory=dict)
    group: str | None = None
    commit: str | None = None
    resumes: bool = True


def wandb_logger(record: Record) -> WandbLogger:
    """A logger of the record's W&B run.

    Online where there is a key, W&B answers, and nobody said otherwise (`find_mode`). Where an
    agent of a W&B sweep started this, the run is the one that the agent asks for. A run that was
    deleted on the site cannot be gone on with: another one is begun.
    """
    record.folder.mkdir(parents=True, exist_ok=True)
    mode = find_mode()
    if mode.doubt:
        log.warning(f"W&B: recorded offline, since {mode}")
    os.environ["WANDB_MODE"] = mode.name  # an empty one is none
    os.environ.setdefault("WANDB_SILENT", "true")
    logger = _logger(record, mode.name)
    if mode.name != "online":
        return logger
    try:
        logger.experiment  # noqa: B018  begins the run
    except wandb.Error as error:
        if "deleted" not in str(error):
            raise
        log.warning(f"W&B: the run {logger.version} was deleted there; another one is begun")
        (record.folder / _ID).unlink()
        return _logger(record, mode.name)
    return logger


def _logger(record: Record, mode: str) -> WandbLogger:
    logger = WandbLogger(
        project=PROJECT,
        name=record.name,
        id=_identity(record),
        # W&B writes from a process that has a working directory of its own.
        save_dir=str(record.folder.absolute()),
        resume="allow",
        config=record.config,
        group=record.group,
        job_type=record.job,
        mode=mode,  # W&B itself reads the environment once
        settings=wandb.Settings(
            console="off",
            x_disable_stats=True,
            disable_git=True,  # it would look where the command was called, at whatever is there
            git_commit=record.commit,
        ),
    )
    logger._wandb_init.pop("anonymous", None)  # wandb warns of it, and Lightning always passes it
    return logger


def _identity(record: Record) -> str:
    kept = record.folder / _ID
    if not (record.resumes and kept.exists()) or _is_copy(record.folder):
        asked = os.environ.get("WANDB_RUN_ID") if os.environ.get("WANDB_SWEEP_ID") else None
        kept.write_text(asked or uuid.uuid4().hex[:8])
    (record.folder / _PLACE).write_text(str(record.folder.resolve()))
    return kept.read_text().strip()


def _is_copy(folder: Path) -> bool:
    """Whether it was copied from one that is still there, whose W&B run is not its own to go on.

    One that was moved goes on in its run.
    """
    place = folder / _PLACE
    before = Path(place.read_text()) if place.exists() else folder
    same = before.resolve() == folder.resolve()
    first = before / _ID
    return not same and first.exists() and first.read_text() == (folder / _ID).read_text()


@contextmanager
def recording(record: Record) -> Iterator[Any]:
    """The record's W&B run, ended afterwards.

    Raises:
        MirageError: W&B's server refuses, or cannot be reached.
    """
    with refusals_told(record.folder):
        run = wandb_logger(record).experiment
        try:
            define(run)
            yield run
        finally:
            run.finish()


@contextmanager
def refusals_told(where: Path) -> Iterator[None]:
    """W&B's errors in our words.

    Raises:
        MirageError: W&B's server refuses, or cannot be reached.
    """
    try:
        yield
    except wandb.Error as error:
        raise MirageError(
            f"logging to W&B failed: {error}",
            where=str(where),
            todo="what is written is kept, and the same command resumes from there; with "
            "WANDB_MODE=offline nobody is asked",
        ) from error


def finish(loggers: Sequence[Logger]) -> None:
    """End the W&B runs, or the next training of this process would go on in them."""
    for logger in loggers:
        if isinstance(logger, WandbLogger) and logger._experiment is not None:
            logger.experiment.finish()


def runs_of(loggers: Sequence[Logger]) -> list[Any]:
    """The W&B runs among a trainer's loggers that anything is recorded of."""
    runs = [logger.experiment for logger in loggers if isinstance(logger, WandbLogger)]
    return [run for run in runs if not run.disabled]


@contextmanager
def kept_with(run: Any) -> Iterator[None]:
    """What W&B copies of artifacts and tables goes into the folder that the record is of.

    It copies them to the home folder, unless WANDB_DATA_DIR names another.
    """
    own = os.environ.get("WANDB_DATA_DIR")
    os.environ["WANDB_DATA_DIR"] = own or str(data_folder(run))
    try:
        yield
    finally:
        if own is None:
            del os.environ["WANDB_DATA_DIR"]


def data_folder(run: Any) -> Path:
    """`<run>/wandb` of a record in `<run>/<stage>/wandb`.

    Not in the stage's folder: W&B remembers where it copied files to, and a training that is set
    aside is renamed.
    """
    return Path(run.settings.root_dir).parents[1] / "wandb"


def videos(films: Mapping[str, Path]) -> list[wandb.Video]:
    """GIFs by their names, as W&B shows them."""
    return [wandb.Video(str(film), caption=name, format="gif") for name, film in films.items()]


def log_pictures(run: Any, group: str, pictures: Sequence[Path], **more: float) -> None:
    """Log picture files as `group`/their stems, and numbers beside them, in one row."""
    if run.disabled:
        return
    shown = {f"{group}/{path.stem}": wandb.Image(str(path)) for path in pictures}
    run.log(shown | more)
