"""Which precision is faster to sample in, measured where no rule tells: on a CPU that has bf16."""

from __future__ import annotations

import torch

from mirage.core.contracts import PoseCondition
from mirage.distributed.device import computes_in_bf16, time_precisions
from mirage.model.denoiser import PoseDenoiser
from mirage.model.inference import channels_last, in_precision

_ROWS = 16  # of the batch that is timed
_WORTH = 1.1  # times as fast: less is as likely the noise of the measurement


def faster_precision(denoiser: PoseDenoiser) -> tuple[str, str]:
    """auto | fp32 | bf16 for `in_precision`, and why, in words that are empty where it is a rule.

    bf16 multiplies twice as fast or more where a processor has a unit for it, and is emulated,
    slowly, elsewhere; what a network gains depends on how much of it is multiplication.
    """
    where = denoiser.embedding.pose.weight.device
    if where.type != "cpu" or not computes_in_bf16(where):
        return "auto", ""
    seconds = time_sampling(denoiser)
    share = seconds["bf16"] / seconds["fp32"]
    chosen = "bf16" if share * _WORTH <= 1.0 else "fp32"
    return chosen, f"measured: here bf16 takes {share:.2f} of the time of fp32"


@torch.inference_mode()
def time_sampling(denoiser: PoseDenoiser) -> dict[str, float]:
    """Precision → seconds of a batch, as `device.time_precisions` takes them."""
    x = torch.randn(_ROWS, *denoiser.shape, generator=torch.Generator().manual_seed(0))
    condition = PoseCondition(torch.zeros(_ROWS, dtype=torch.int64), torch.zeros(_ROWS))

    def denoise(precision: str) -> None:
        with in_precision(precision, x.device):
            denoiser(channels_last(x), torch.ones(_ROWS), condition)

    return time_precisions(denoise)
