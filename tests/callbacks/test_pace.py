"""The pace of a training: how far it is, for whoever watches, and a figure for W&B."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from mirage.callbacks import pace
from mirage.callbacks.pace import Pace


def test_it_counts_from_where_training_goes_on_and_logs_the_rate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, logged, shown, closed = [100.0], [], {}, []

    @contextmanager
    def counting(what: str, total: int, **settings: Any) -> Iterator[Any]:
        shown.update(what=what, total=total, counted=0, **settings)
        yield lambda more: shown.update(counted=shown["counted"] + more)
        closed.append(True)

    monkeypatch.setattr(pace, "counting", counting)
    monkeypatch.setattr(pace.time, "monotonic", lambda: now[0])
    monkeypatch.setenv("SLURMD_NODENAME", "node7")
    logger = SimpleNamespace(log_metrics=lambda metrics, step: logged.append((step, metrics)))
    trainer: Any = SimpleNamespace(
        max_steps=50, global_step=20, world_size=4, global_rank=3, loggers=[logger]
    )
    module: Any = SimpleNamespace()
    callback = Pace("refine", batch_size=32, every=5)
    callback.on_train_start(trainer, module)
    for step in range(10):
        now[0] += 1.0  # for data
        now[0] += 1.0 if step < 5 else 3.0
        trainer.global_step += 1
        callback.on_train_batch_end(trainer, module, None, None, step)
        callback.on_validation_start(trainer, module)
        now[0] += 5.0  # which is not training
        callback.on_validation_end(trainer, module)
    callback.teardown(trainer, module, "fit")
    assert shown == {
        "what": "refine",
        "total": 50,
        "done": 20,
        "unit": "images",
        "each": 32,
        "counted": 10,
        "where": "process 3 of 4, on node7",
    }
    rates = [(25, {"train/images_per_second": 16.0}), (30, {"train/images_per_second": 8.0})]
    assert logged == rates
    assert closed


def test_one_process_alone_does_not_say_which_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    @contextmanager
    def counting(*_: Any, where: str, **__: Any) -> Iterator[Any]:
        seen.append(where)
        yield None

    monkeypatch.setattr(pace, "counting", counting)
    trainer: Any = SimpleNamespace(max_steps=50, global_step=0, world_size=1, global_rank=0)
    Pace("train", 8, every=1).on_train_start(trainer, SimpleNamespace())  # type: ignore[arg-type]
    assert seen == [""]
