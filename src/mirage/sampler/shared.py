"""A denoiser of V views that share one reference's keys and values.

At each new noise level the reference passes once and leaves its keys and values on the tape; the
views then attend to them, as often as the guidance asks, in chunks that bound the memory. T levels
and b branches cost T · (1 + V·b) image forwards, beside those that it took the reference to get to
its noise levels (see `entry`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from operator import itemgetter

import torch
from torch import Tensor

from mirage.contracts import PoseCondition
from mirage.model.cross_frame import AttentionTape
from mirage.model.denoiser import PoseDenoiser
from mirage.sampler.reference import ReferenceTrack


@dataclass
class Reference:
    """The photo at every noise level, and its pose ([1])."""

    track: ReferenceTrack
    condition: PoseCondition


class SharedDenoiser:
    """Evaluates the denoiser for all views, with or without the reference's keys and values.

    Args:
        denoiser: its UNet's attention must be on `tape` (see `cross_frame.taped`).
        reference: None leaves every view to itself (mode `none`).
        chunk: views denoised in one batch.
        interval: the closed interval of σ where the reference's keys and values are seen.
    """

    def __init__(
        self,
        denoiser: PoseDenoiser,
        tape: AttentionTape,
        reference: Reference | None,
        chunk: int,
        interval: tuple[float, float] = (0.0, math.inf),
    ) -> None:
        self.interval = interval
        self.denoiser, self.tape, self.reference, self.chunk = denoiser, tape, reference, chunk
        self.num_forwards = 0  # image forwards so far
        self._recorded_at: float | None = None

    def __call__(
        self, x: Tensor, sigma: Tensor, condition: PoseCondition, temperature: float = 1.0
    ) -> Tensor:
        """[V, C, H, W] views at one noise level → clean estimates."""
        low, high = self.interval
        if self.reference is None or not low <= float(sigma) <= high:
            return self.alone(x, sigma, condition)
        self._record(sigma)
        with self.tape.play(temperature):
            return self.alone(x, sigma, condition)

    def _record(self, sigma: Tensor) -> None:
        """Pass the reference at this noise level, unless it is what the tape holds already."""
        assert self.reference is not None
        if self._recorded_at == float(sigma):
            return
        with self.tape.record():
            self._forward(self.reference.track.at(sigma), sigma, self.reference.condition)
        self._recorded_at = float(sigma)

    def alone(self, x: Tensor, sigma: Tensor, condition: PoseCondition) -> Tensor:
        """Clean estimates of images [V, C, H, W] with the tape as it stands, chunk by chunk."""
        parts = [
            self._forward(x[rows], sigma, condition.map(itemgetter(rows)))
            for rows in (slice(i, i + self.chunk) for i in range(0, len(x), self.chunk))
        ]
        return torch.cat(parts)

    def _forward(self, x: Tensor, sigma: Tensor, condition: PoseCondition) -> Tensor:
        self.num_forwards += len(x)
        return self.denoiser(x, sigma.to(x.device).expand(len(x)), condition)
