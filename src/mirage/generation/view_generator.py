"""A trained model with the bank that reads poses for it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from mirage.config import ViewsConfig
from mirage.core.contracts import ByteArray, FloatArray, Framing, PoseLabels
from mirage.distributed.device import device
from mirage.distributed.ranks import join_ranks
from mirage.features.backbone import Backbone, load_backbone
from mirage.generation.view_reader import ViewReader
from mirage.images.decoding.squares import flip_photos
from mirage.model.denoiser import PoseDenoiser
from mirage.model.inference import ready
from mirage.poses.bank import PoseBank
from mirage.poses.bank_file import load_bank
from mirage.sampler.export import BANK, load_pipeline
from mirage.sampler.precision import faster_precision

log = logging.getLogger(__name__)

_MANY = 200  # pictures through the network, below which they have passed before measuring has paid


@dataclass(frozen=True)
class ViewGenerator:
    """A trained model with the bank that reads poses for it.

    Attributes:
        fit: how the training photos became squares, as in `to_square`.
        framing: how they show their object, and where the model wants it.
    """

    denoiser: PoseDenoiser
    bank: PoseBank
    backbone: Backbone
    fit: str = "pad"
    framing: Framing = field(default_factory=Framing)

    @classmethod
    def open(cls, model: Path) -> ViewGenerator:
        """Load model/ and its bank onto the GPU, or the CPU where there is none."""
        pipeline = load_pipeline(model)
        bank = load_bank(model / BANK)
        backbone = load_backbone(bank.backbone, device())
        denoiser = ready(pipeline.denoiser, device())
        return cls(denoiser, bank, backbone, pipeline.fit, pipeline.framing)

    def settled(self, config: ViewsConfig, pictures: int) -> ViewsConfig:
        """With the precision that is faster here, where `config` leaves it open.

        It is measured once, by a process that works alone (several might not agree), and where
        more than a few pictures are about to pass.
        """
        if config.sampler.precision != "auto" or pictures < _MANY or join_ranks().world > 1:
            return config
        sampler = replace(config.sampler, precision=self._faster_precision)
        return replace(config, sampler=sampler)

    @cached_property
    def _faster_precision(self) -> str:
        chosen, why = faster_precision(self.denoiser)
        if why:
            log.info(f"views.sampler.precision=auto: {chosen}, {why}")
        return chosen

    @property
    def reader(self) -> ViewReader:
        """What reads the model's views."""
        return ViewReader(self.bank, self.backbone, self.framing)

    def read_poses(self, views: ByteArray) -> PoseLabels:
        """The poses of views [B, H, W, 3] uint8, of any size."""
        return self.reader.read(views)

    def read_photo(self, photo: ByteArray) -> tuple[PoseLabels, FloatArray]:
        """The pose of one photo [H, W, 3] uint8, and its mask [h, w] in [0, 1]."""
        features = self.backbone(photo[None])
        mirrored = self.backbone(flip_photos(photo[None])) if self.bank.is_round else None
        labels = self.bank.assign(features, mirrored)
        return labels, self.bank.masks(features)[0].cpu().numpy()
