"""W&B: offline where there is no key, never a prompt, everything inside the run's folder."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import wandb
from lightning.pytorch.loggers import Logger, WandbLogger

from callbacks.wandb_key import has_wandb_key


def wandb_logger(
    folder: Path, name: str, config: dict[str, Any], group: str | None = None
) -> WandbLogger:
    """A logger that resumes the same W&B run for the same folder.

    WANDB_MODE is obeyed; where it is unset, runs are offline unless there is a key. Where an agent
    of a W&B sweep started this, the run is the one that the agent asks for.

    Args:
        group: of W&B runs, this one among them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("WANDB_MODE", "online" if has_wandb_key() else "offline")
    os.environ.setdefault("WANDB_SILENT", "true")
    identity = folder / "wandb_id.txt"
    if not identity.exists():
        asked = os.environ.get("WANDB_RUN_ID") if os.environ.get("WANDB_SWEEP_ID") else None
        identity.write_text(asked or uuid.uuid4().hex[:8])
    logger = WandbLogger(
        project="mirage",
        name=name,
        id=identity.read_text().strip(),
        save_dir=str(folder.absolute()),  # W&B writes from a process with a folder of its own
        resume="allow",
        config=config,
        group=group,
        settings=wandb.Settings(console="off", x_disable_stats=True),
    )
    logger._wandb_init.pop("anonymous", None)  # wandb warns of it, and Lightning always passes it
    return logger


def finish(loggers: Sequence[Logger]) -> None:
    """End the W&B runs, or the next training of this process would go on in them."""
    for logger in loggers:
        if isinstance(logger, WandbLogger) and logger._experiment is not None:
            logger.experiment.finish()


def log_poses(
    logger: WandbLogger, pictures: Sequence[Path], files: Sequence[Path], facts: dict[str, Any]
) -> None:
    """Log pictures under `poses/`, and files as one artifact of type `poses`.

    Args:
        files: go into the artifact, copied at once, so that what changes later does no harm.
        facts: the artifact's metadata: where the files come from.
    """
    run = logger.experiment
    shown = {f"poses/{path.stem}": wandb.Image(str(path)) for path in pictures}
    run.log(shown | {"trainer/global_step": 0})
    artifact = wandb.Artifact(f"poses-{run.id}", type="poses", metadata=facts)
    with _staging_in(Path(str(logger.save_dir))):
        for file in files:
            artifact.add_file(str(file))
    run.log_artifact(artifact)


def log_evaluation(
    folder: Path,
    name: str,
    config: dict[str, Any],
    figures: dict[str, Any],
    pictures: Sequence[Path],
    group: str | None = None,
) -> None:
    """Add figures and pictures under `evaluate/` to a W&B run: of a training that is over, or new.

    Args:
        folder, name, config, group: as `wandb_logger` takes them, and was given by the training.
        figures: a tree of numbers; what is no number is left out.
    """
    run = wandb_logger(folder, name, config, group).experiment
    shown = {f"evaluate/{path.stem}": wandb.Image(str(path)) for path in pictures}
    run.log(shown | dict(_numbers(figures, "evaluate")))
    run.finish()


def _numbers(tree: dict[str, Any], path: str) -> Iterator[tuple[str, float]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _numbers(value, f"{path}/{name}")
        elif isinstance(value, int | float):
            yield f"{path}/{name}", float(value)


@contextmanager
def _staging_in(folder: Path) -> Iterator[None]:
    """W&B copies an artifact's files to the home folder, unless this variable names another."""
    own = os.environ.get("WANDB_DATA_DIR")
    os.environ["WANDB_DATA_DIR"] = own or str(folder)
    try:
        yield
    finally:
        if own is None:
            del os.environ["WANDB_DATA_DIR"]


def log_pictures(logger: WandbLogger, name: str, sheet: Path, film: Path, step: int) -> None:
    """Log a contact sheet (PNG) and a film (GIF) under `name/`."""
    logger.experiment.log(
        {
            f"{name}/orbits": wandb.Image(str(sheet)),
            f"{name}/turning": wandb.Video(str(film), format="gif"),
            "trainer/global_step": step,
        }
    )
