"""Training of the attention across frames: on photos beside views that the model made of them.

The sampler lets a view attend to another picture of its object. A model that learned from single
photos never did that, and what it was not taught it does by luck. There are no two photos of one
object to teach it with; but the model can turn a photo, badly, and then be asked for the photo
itself, which is real, beside its own view of it: what back-translation is to translation without
parallel text (Sennrich et al. 2016, arXiv 1511.06709). Errors of the view then stand on the side
that is attended to, never on the side that is learned.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from mirage.core.contracts import PoseCondition
from mirage.model.draws import StepDraws
from mirage.model.lit import PoseDiffusion
from mirage.model.loss import denoising_loss, noise_levels

_P_MEAN = -0.6  # of ln σ: what is shared is decided at high noise, where a photo alone says little


class PairedDiffusion(PoseDiffusion):
    """Trains a PoseDenoiser on photos by themselves and, as much, on pairs.

    A batch has, beside the keys that PoseDiffusion asks for, pair: photo and view, dicts of such
    keys, row by row of one object.
    """

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        draws = self._begin_step(len(batch["pose"]))
        alone = self._loss(batch, draws, drop=True).mean()
        shared = self._pair_loss(batch["pair"], draws)
        self.log("train/loss", alone, logger=False)
        self.log("train/pair_loss", shared, logger=False)
        return alone + shared

    def _pair_loss(self, pair: dict[str, dict[str, Tensor]], draws: StepDraws) -> Tensor:
        """Of the photos, attending to their views at the same noise levels."""
        photo, view = pair["photo"], pair["view"]
        sigma = noise_levels(draws.normal(), _P_MEAN, self.config.p_std)
        images, views = (self.denoiser.codec.load(side["image"]) for side in (photo, view))
        noise, view_noise = (draws.normal(*images.shape[1:]) for _ in range(2))
        with self.tape.record():
            noisy = views + sigma[:, None, None, None] * view_noise
            self.denoiser(noisy, sigma, PoseCondition(view["pose"], view["azimuth"]))
        with self.tape.play():
            condition = self._dropped(photo, draws)
            weight = self.config.weight
            losses = denoising_loss(self.denoiser, images, condition, sigma, noise, weight)
        self.tape.stored.clear()
        return losses.mean()
