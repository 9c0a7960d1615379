"""metrics.csv: one row a logged step, and no step twice after a resume."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from mirage.callbacks.history import COLUMNS, MetricsFile, read_history


class Logger:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[int, dict[str, float]]] = []

    def log_metrics(self, metrics: dict[str, float], step: int) -> None:
        self.told.append((step, metrics))


def trainer_at(step: int, is_global_zero: bool = True, **metrics: Any) -> Any:
    """What of a Trainer the callback looks at."""
    return SimpleNamespace(
        global_step=step,
        is_global_zero=is_global_zero,
        callback_metrics={k.replace("_", "/"): torch.as_tensor(v) for k, v in metrics.items()},
        optimizers=[SimpleNamespace(param_groups=[{"lr": 3e-4}])],
        strategy=SimpleNamespace(reduce=lambda means, reduce_op: means),
        loggers=[],
    )


def train(callback: MetricsFile, first: int, last: int, rank_zero: bool = True) -> None:
    """Steps `first` to `last`, the loss of step s being s; a validation at the end."""
    module: Any = SimpleNamespace(device=torch.device("cpu"))
    callback.on_train_start(trainer_at(first - 1, rank_zero), module)
    for step in range(first, last + 1):
        trainer = trainer_at(step, rank_zero, train_loss=float(step))
        callback.on_train_batch_end(trainer, module, None, {}, step)
    callback.on_validation_end(trainer_at(last, rank_zero, val_loss=0.25), module)


def test_rows_hold_the_mean_loss_since_the_last_one(tmp_path: Path) -> None:
    path = tmp_path / "train" / "metrics.csv"
    train(MetricsFile(path, every=4), 1, 8)
    rows = read_history(path)
    assert [row["step"] for row in rows] == ["4", "8", "8"]
    assert [float(row["train_loss"]) for row in rows[:2]] == pytest.approx([2.5, 6.5])
    assert float(rows[0]["learning_rate"]) == pytest.approx(3e-4)
    assert rows[2]["train_loss"] == "" and float(rows[2]["val_loss"]) == 0.25
    assert tuple(rows[0]) == COLUMNS


def test_a_resumed_run_drops_the_rows_after_its_first_step(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    train(MetricsFile(path, every=2), 1, 10)
    train(MetricsFile(path, every=2), 7, 12)  # the checkpoint was of step 6
    steps = [row["step"] for row in read_history(path) if row["train_loss"]]
    assert steps == ["2", "4", "6", "8", "10", "12"]
    train(MetricsFile(path, every=2), 1, 2)  # afresh
    assert [row["step"] for row in read_history(path)] == ["2", "2"]


def test_other_ranks_write_nothing(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    train(MetricsFile(path, every=2), 1, 4, rank_zero=False)
    assert not path.exists() and read_history(path) == []


@pytest.mark.parametrize("validated", [False, True])
def test_a_line_cut_short_by_a_kill_is_left_out(tmp_path: Path, validated: bool) -> None:
    path, cut_path = tmp_path / "metrics.csv", tmp_path / "cut.csv"
    train(MetricsFile(path, every=2), 1, 6)
    written = path.read_bytes() if validated else b"".join(path.read_bytes().splitlines(True)[:-1])
    path.write_bytes(written)
    whole, length = read_history(path), len(written.splitlines(keepends=True)[-1])
    assert len(whole) == 3 + validated
    for cut in range(2, length):  # \r\n is two bytes; a number may be cut anywhere
        cut_path.write_bytes(written[:-cut])
        assert read_history(cut_path) == whole[:-1]
        train(MetricsFile(cut_path, every=2), 7, 8)
        assert read_history(cut_path)[:-2] == whole[:-1]


def test_losses_stay_where_they_are_until_a_row_is_due(tmp_path: Path) -> None:
    """On the meta device there is nothing to read: whoever tries to, fails."""
    callback, module = MetricsFile(tmp_path / "metrics.csv", every=4), SimpleNamespace(device="cpu")
    callback.on_train_start(trainer_at(0), module)  # type: ignore[arg-type]
    loss = torch.zeros((), device="meta")
    for step in range(1, 4):
        trainer = trainer_at(step, train_loss=loss)
        callback.on_train_batch_end(trainer, module, None, {}, step)  # type: ignore[arg-type]
    with pytest.raises((NotImplementedError, RuntimeError)):
        trainer = trainer_at(4, train_loss=loss)
        callback.on_train_batch_end(trainer, module, None, {}, 4)  # type: ignore[arg-type]


def test_a_row_is_the_mean_over_all_processes_and_told_to_the_loggers(tmp_path: Path) -> None:
    callback, module = MetricsFile(tmp_path / "metrics.csv", every=2), SimpleNamespace(device="cpu")
    logger = Logger()
    callback.on_train_start(trainer_at(0), module)  # type: ignore[arg-type]
    for step in (1, 2):
        trainer = trainer_at(step, train_loss=float(step))
        trainer.callback_metrics["train/pair_loss"] = torch.tensor(5.0)
        trainer.strategy.reduce = lambda means, reduce_op: means + 1.0  # the others' are greater
        trainer.loggers = [logger]
        callback.on_train_batch_end(trainer, module, None, {}, step)  # type: ignore[arg-type]
    told = {"train/loss": 2.5, "train/pair_loss": 6.0, "train/learning_rate": 3e-4}
    assert logger.told == [(2, told)]
    assert read_history(callback.path)[0]["train_loss"] == "2.50000"


def test_a_row_that_was_begun_is_taken_up_after_a_resume(tmp_path: Path) -> None:
    """By all processes, from what one of them wrote: here the others' losses are greater by 1."""
    first, second = (MetricsFile(tmp_path / "metrics.csv", every=4) for _ in range(2))
    train(first, 1, 6)
    checkpoint: dict[str, Any] = {}
    trainer, module = trainer_at(6), SimpleNamespace()
    trainer.strategy.reduce = lambda losses, reduce_op: losses + 0.5
    first.on_save_checkpoint(trainer, module, checkpoint)  # type: ignore[arg-type]
    second.on_load_checkpoint(trainer, module, checkpoint)  # type: ignore[arg-type]
    train(second, 7, 8)
    assert float(read_history(first.path)[-2]["train_loss"]) == (5.5 + 6.5 + 7 + 8) / 4
