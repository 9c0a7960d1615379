"""A training that is saved, can be stopped, and goes on, whatever is trained."""

from __future__ import annotations

import logging
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn, Protocol

import lightning
import torch
from lightning.fabric.plugins.environments import LightningEnvironment
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities.model_helpers import is_overridden
from torch import Tensor

from mirage.callbacks.ema import WarmupEMA
from mirage.callbacks.history import MetricsFile
from mirage.callbacks.pace import Pace
from mirage.callbacks.stopping import StoppedError, StopWhenTold
from mirage.core.errors import MirageError
from mirage.distributed.device import fast_kernels
from mirage.distributed.ranks import ALONE, Ranks, find_ranks
from mirage.tracking.logger import Record, finish, refusals_told, wandb_logger
from mirage.training.checkpoints import LAST, WholeCheckpoints, is_whole, newest_whole, step_of

log = logging.getLogger(__name__)

METRICS = "metrics.csv"
_PRECISIONS: dict[str, Literal["bf16-mixed", "32-true"]] = {"bf16": "bf16-mixed", "fp32": "32-true"}
_LOG_EVERY = 10  # steps
_UNTIL_ENDED = 300.0  # seconds that a process of a job that is put back waits to be ended


class Training(Protocol):
    """The settings that every training has."""

    steps: int
    precision: str
    gradient_clip: float
    ema_decay: float
    checkpoint_minutes: float
    validate_every: int


def fit(
    trainer: lightning.Trainer,
    module: lightning.LightningModule,
    data: lightning.LightningDataModule,
    where: Path,
) -> Path:
    """Train to the trainer's last step, from the last checkpoint in `where` if there is one.

    Returns:
        The checkpoint after the last step.

    Raises:
        KeyboardInterrupt: it was told to stop; it is saved up to here.
        MirageError: it was trained for more steps already, it cannot be saved, no checkpoint can
            be read, another process died, or W&B refuses.
    """
    ranks, last = find_ranks(), where / LAST
    # One looks, lest another find what the first has set aside.
    start = ranks.gather(newest_whole(where) if ranks.is_first else None)[0]
    if start is not None:
        _refuse_fewer(step_of(start), trainer.max_steps, where)
    stopped = None
    try:
        with refusals_told(where), fast_kernels():
            trainer.fit(module, data, ckpt_path=str(start) if start else None, weights_only=True)
        trainer.save_checkpoint(last)
    except StoppedError as error:
        stopped = error
    except SystemExit:  # how Lightning answers Ctrl-C and SIGTERM
        raise KeyboardInterrupt from None
    except RuntimeError as error:
        if ranks.world == 1 or not _tells_of_a_dead_process(error):
            raise
        raise MirageError(
            f"another of the {ranks.world} processes died",
            where=f"{where}, process {ranks.rank}",
            todo="see its log; the same command resumes from the last checkpoint",
        ) from error
    finally:
        finish(trainer.loggers)
    if stopped is not None:
        _leave(stopped)
    return last


def _refuse_fewer(done: int, asked: int, where: Path) -> None:
    """The longer training would pass for the shorter one."""
    if done > asked:
        raise MirageError(
            f"it is trained for {done} steps already, {asked} are asked for",
            where=str(where),
            todo=f"ask for {done} steps or more, or begin another run",
        )


def _tells_of_a_dead_process(error: RuntimeError) -> bool:
    said = str(error)
    return isinstance(error, torch.distributed.DistError) or any(
        sign in said for sign in ("gloo", "Connection closed", "Connection reset", "Broken pipe")
    )


def _leave(stopped: StoppedError) -> NoReturn:
    if stopped.requeue is None:
        raise KeyboardInterrupt
    log.info("stopped by a signal: checkpoint saved, job requeued")
    stopped.requeue()
    time.sleep(_UNTIL_ENDED)  # the first process puts the job back, which ends all
    raise KeyboardInterrupt


def resumable_trainer(
    train: Training,
    where: Path,
    batch_size: int,
    record: Record,
    before: Sequence[Callback] = (),
    after: Sequence[Callback] = (),
) -> lightning.Trainer:
    """A trainer of all processes that averages weights, logs, saves now and then, and can be told.

    Args:
        where: the training's folder, whose name progress is shown under.
        batch_size: of all processes together.
        before: callbacks that see the averaged weights at validation. after: others.
    """
    _quieten_lightning()  # before it looks for a Slurm, too
    ranks = find_ranks()
    callbacks: list[Callback] = [
        *before,
        WarmupEMA(train.ema_decay),
        MetricsFile(where / METRICS, every=_LOG_EVERY),
        Pace(where.name, batch_size, every=_LOG_EVERY),
        *after,
        # It saves after steps alone, never on exceptions: one may come in mid-step, or while
        # validation has the weights swapped.
        StopWhenTold(where / LAST, train.checkpoint_minutes, ranks),
    ]
    return make_trainer(
        train,
        where,
        callbacks,
        devices=ranks.local_world,
        num_nodes=ranks.machines,
        strategy="auto" if ranks.world == 1 else "ddp",
        plugins=[WholeCheckpoints(), _Started(ranks)],
        logger=wandb_logger(record) if ranks.is_first else False,
        val_check_interval=train.validate_every,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        log_every_n_steps=_LOG_EVERY,
    )


def make_trainer(
    train: Training, where: Path, callbacks: list[Callback], **settings: Any
) -> lightning.Trainer:
    """What every training has in common, one of a run's and one that is only tried.

    Args:
        where: Lightning may leave files there.
        train: its precision is fp32 or bf16, what `settle_precision` made of auto.
        settings: the others that `lightning.Trainer` takes.

    Raises:
        MirageError: two callbacks are one to Lightning.
    """
    _quieten_lightning()
    _refuse_twins(callbacks)
    return lightning.Trainer(
        accelerator="gpu" if torch.cuda.is_available() else "cpu",
        max_steps=train.steps,
        callbacks=callbacks,
        precision=_PRECISIONS[train.precision],
        gradient_clip_val=train.gradient_clip,
        use_distributed_sampler=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=str(where),
        **settings,
    )


def _refuse_twins(callbacks: Sequence[Callback]) -> None:
    """A checkpoint holds one state for all callbacks of a kind and the same settings."""
    stateful = [c for c in callbacks if is_overridden("state_dict", c, Callback)]
    for key, count in Counter(callback.state_key for callback in stateful).items():
        if count > 1:
            raise MirageError(
                f"{count} callbacks are the same, {key[:100]}: no checkpoint can hold them apart",
                where="configuration key train.callbacks",
                todo="let them differ in what they monitor or how often they save, or drop one",
            )


class _Started(LightningEnvironment):
    """Processes as `find_ranks` knows them; Lightning would look for a launcher itself.

    Whoever submitted a job of Slurm requeues it: Lightning must not take the signals.
    """

    def __init__(self, ranks: Ranks) -> None:
        super().__init__()
        self._ranks = ranks

    @property
    def creates_processes_externally(self) -> bool:
        return True

    def world_size(self) -> int:
        return self._ranks.world

    def global_rank(self) -> int:
        return self._ranks.rank

    def local_rank(self) -> int:
        return self._ranks.local_rank

    def node_rank(self) -> int:
        return self._ranks.rank // self._ranks.local_world

    def set_world_size(self, size: int) -> None: ...

    def set_global_rank(self, rank: int) -> None: ...

    def teardown(self) -> None: ...  # Lightning's own forgets WORLD_SIZE, which what follows needs


def averaged_weights(checkpoint: Path, module: str) -> dict[str, Tensor]:
    """The averaged weights of a checkpoint, on the CPU, of what the LightningModule calls `module`.

    Raises:
        MirageError: the checkpoint is damaged.
    """
    if not is_whole(checkpoint):
        raise MirageError(
            "the checkpoint of a finished training is damaged",
            where=str(checkpoint),
            todo=f"delete {checkpoint.parent / '.stamp.json'}; training then resumes from the "
            "checkpoint before",
        )
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)["state_dict"]
    prefix = f"{module}."
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


def set_aside_other(where: Path, identity: str, ranks: Ranks = ALONE) -> None:
    """Checkpoints made with other settings cannot be resumed: keep them under another name."""
    if ranks.is_first:
        _set_aside_other(where, identity)
    ranks.wait()


def _set_aside_other(where: Path, identity: str) -> None:
    mark = where / "identity.txt"
    if mark.exists() and mark.read_text() != identity:
        number = 1
        while (aside := where.with_name(f"{where.name}.before-{number}")).exists():
            number += 1
        where.rename(aside)
        log.warning(f"{where.name}: the settings changed; the earlier training is kept in {aside}")
    where.mkdir(parents=True, exist_ok=True)
    mark.write_text(identity)


def _quieten_lightning() -> None:
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
