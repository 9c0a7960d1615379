"""A denoiser of V views that share the keys and values of reference photos.

At each new noise level the references pass once and leave their keys and values on the tape; the
views then attend to them, as often as the guidance asks, in chunks that bound the memory. T levels,
R references and b branches cost T · (R + V·b) image forwards, beside those that it took the
references to get to their noise levels (see `entry`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

import torch
from torch import Tensor

from mirage.contracts import PoseCondition
from mirage.model.cross_frame import SOFT, AttentionTape, Sharpness
from mirage.model.denoiser import PoseDenoiser
from mirage.sampler.reference import ReferenceTrack


@dataclass(frozen=True)
class Reference:
    """What views look at: photos at every noise level, and their poses.

    Attributes:
        tracks: one a photo; or a single one of [V, C, H, W], a photo for each view.
        condition: the poses of all photos.
        together: whether every view sees all photos, rather than each view its own.
        mask: [R, H, W] in [0, 1], where the photos show their object; None hides nothing of them.
    """

    tracks: Sequence[ReferenceTrack]
    condition: PoseCondition
    together: bool = True
    mask: Tensor | None = None

    def at(self, sigma: Tensor) -> Tensor:
        """[R, C, H, W] at one noise level of the solve."""
        return torch.cat([track.at(sigma) for track in self.tracks])


class SharedDenoiser:
    """Evaluates the denoiser for all views, with or without the references' keys and values.

    Args:
        denoiser: its UNet's attention must be on `tape` (see `cross_frame.taped`).
        reference: None leaves every view to itself (mode `none`).
        chunk: views denoised in one batch.
        interval: the closed interval of σ where the references' keys and values are seen.
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
        self.denoiser, self.tape, self.chunk = denoiser, tape, chunk
        self.num_forwards = 0  # image forwards so far
        self.look_at(reference)

    def look_at(self, reference: Reference | None) -> None:
        """Let the views look at this from now on."""
        self._reference = reference
        self._recorded_at: float | None = None

    def __call__(
        self, x: Tensor, sigma: Tensor, condition: PoseCondition, sharpness: Sharpness = SOFT
    ) -> Tensor:
        """[V, C, H, W] views at one noise level → clean estimates."""
        low, high = self.interval
        if self._reference is None or not low <= float(sigma) <= high:
            return self.alone(x, sigma, condition)
        self._record(self._reference, sigma)
        with self.tape.play(sharpness):
            return self.alone(x, sigma, condition)

    def blind(self, x: Tensor, sigma: Tensor, condition: PoseCondition) -> Tensor:
        """Clean estimates with every pixel seeing itself alone in attention."""
        with self.tape.blind():
            return self.alone(x, sigma, condition)

    def alone(self, x: Tensor, sigma: Tensor, condition: PoseCondition) -> Tensor:
        """Clean estimates of images [V, C, H, W] with the tape as it stands, chunk by chunk."""
        parts = [
            self._forward(x[rows], sigma, condition.map(itemgetter(rows)))
            for rows in (slice(i, i + self.chunk) for i in range(0, len(x), self.chunk))
        ]
        return torch.cat(parts)

    def _record(self, reference: Reference, sigma: Tensor) -> None:
        """Pass the references at this noise level, unless it is what the tape holds already."""
        if self._recorded_at == float(sigma):
            return
        with self.tape.record(reference.together, reference.mask):
            self._forward(reference.at(sigma), sigma, reference.condition)
        self._recorded_at = float(sigma)

    def _forward(self, x: Tensor, sigma: Tensor, condition: PoseCondition) -> Tensor:
        self.num_forwards += len(x)
        return self.denoiser(x, sigma.to(x.device).expand(len(x)), condition)
