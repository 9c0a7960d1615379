"""Which precision a training computes in: what is faster where it begins, and that to its end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mirage.core.contracts import PoseCondition
from mirage.core.files import replacing
from mirage.distributed.device import computes_in_bf16, device, time_precisions
from mirage.distributed.ranks import ALONE, Ranks
from mirage.model.denoiser import PoseDenoiser
from mirage.training.checkpoints import LAST
from mirage.training.fitting import Training

log = logging.getLogger(__name__)

PRECISION = "precision.txt"  # in the training's folder

_BRIEF = 200  # steps; a shorter training is over before measuring has paid
_ROWS = 16  # of the batch that is timed, at most
_WORTH = 1.1  # times as fast: less is as likely the noise of the measurement


def denoise_noise(denoiser: PoseDenoiser, rows: int) -> Tensor:
    """A loss of as many rows as a batch of training has, to be timed."""
    x = torch.randn(rows, *denoiser.shape, generator=torch.Generator().manual_seed(0))
    condition = PoseCondition(torch.zeros(rows, dtype=torch.int64), torch.zeros(rows))
    return denoiser(x, torch.ones(rows), condition).square().mean()


def settle_precision(
    train: Training,
    network: Any,
    rows: int,
    where: Path | None = None,
    ranks: Ranks = ALONE,
    loss: Callable[[Any, int], Tensor] = denoise_noise,
) -> str:
    """fp32 or bf16: what `train.precision` asks for, or what its auto comes to on this machine.

    Args:
        network: what is trained, on the CPU. rows: of a batch, of one process.
        where: the training's folder, which keeps what was chosen, since a training that goes on
            elsewhere goes on in the precision that it began with; None keeps nothing.
        loss: of the network and of rows that are made up, as long as a step's in coming.
    """
    if train.precision != "auto":
        return train.precision
    begun_in = ranks.gather(_begun_in(where))[0]
    if begun_in is not None:
        return begun_in
    chosen, why = ranks.gather(_choose(train, network, rows, loss))[0]
    if ranks.is_first:
        log.info(f"precision=auto: {chosen}, {why}")
        if where is not None:
            with replacing(where / PRECISION) as temporary:
                temporary.write_text(chosen)
    return chosen


def _begun_in(where: Path | None) -> str | None:
    """The precision of the training in a folder; None where none has begun."""
    if where is not None and (where / PRECISION).exists():
        return (where / PRECISION).read_text()
    if where is not None and (where / LAST).exists():  # by a version that kept no note of it
        return "bf16" if device().type == "cuda" else "fp32"
    return None


def _choose(
    train: Training, network: Any, rows: int, loss: Callable[[Any, int], Tensor]
) -> tuple[str, str]:
    """The precision, and why."""
    where = device()
    if not computes_in_bf16(where):
        return "fp32", f"since this {_named(where)} has no bf16"
    if where.type == "cuda":
        return "bf16", "which this GPU has"
    if train.steps < _BRIEF:
        return "fp32", f"without measuring for {train.steps} steps"
    seconds = time_training(network, min(rows, _ROWS), loss)
    ratio = seconds["fp32"] / seconds["bf16"]
    chosen = "bf16" if ratio >= _WORTH else "fp32"
    return chosen, f"measured: here bf16 takes {1 / ratio:.2f} of the time of fp32"


def _named(where: torch.device) -> str:
    return "GPU" if where.type == "cuda" else "processor"


def time_training(
    network: Any, rows: int, loss: Callable[[Any, int], Tensor] = denoise_noise
) -> dict[str, float]:
    """Precision → seconds of the network and its gradient, as `device.time_precisions` takes them.

    The weights are left as they are, and so is torch's random generator.
    """

    def step(precision: str) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            timed = loss(network, rows)
        timed.backward()

    # Eager, since compiling takes minutes; what is faster is the same.
    with torch.random.fork_rng(devices=[]), torch.compiler.set_stance("force_eager"):
        seconds = time_precisions(step)
    network.zero_grad(set_to_none=True)
    return seconds
