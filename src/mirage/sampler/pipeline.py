"""The trained model as a diffusers pipeline: one folder that anyone can load and turn photos with.

    DiffusionPipeline.from_pretrained(folder, custom_pipeline=folder, trust_remote_code=True)

The folder holds the network, the pose embedding, the ring, how photos become squares, and the pose
bank that gave the labels: pose numbers mean nothing without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from diffusers import DiffusionPipeline, UNet2DModel
from diffusers.utils import BaseOutput
from PIL import Image

from mirage.config.changes import changed
from mirage.core.contracts import ByteArray, Framing, PosedPhoto, PoseRing
from mirage.core.errors import MirageError
from mirage.images.decoding.squares import to_rgb, to_square
from mirage.model.codec import PIXELS, Codec, Latents, Patches
from mirage.model.conditioning import PoseEmbedding
from mirage.model.denoiser import PoseDenoiser
from mirage.sampler.advice import as_settings
from mirage.sampler.orbit import sample_orbit
from mirage.sampler.targets import ring_azimuths

FIT = "pad"  # of folders that were written before it was kept in them


@dataclass
class OrbitOutput(BaseOutput):
    """images: V PIL images. azimuths: V degrees. poses: V pose numbers."""

    images: list[Image.Image]
    azimuths: list[float]
    poses: list[int]


class MiragePipeline(DiffusionPipeline):
    """Turns the object of a photo through the poses of its ring.

    Args:
        unet: the network. embedding: the pose embedding.
        sigma_data: EDM's standard deviation of the images.
        autoencoder: of the latents that the network sees; None where it sees pixels.
        latent_factor: pixels to a latent, a side. latent_mean, latent_std: of each channel.
        ring_azimuth: azimuth of every pose, degrees. ring_score: how well they close a circle.
        ring_span: degrees that the photos covered, (0, 360) unless only an arc.
        fit: how the training photos became squares, as in `to_square`.
        framing: how they show their object, and where the model wants it: `Framing` as a dict.
        patch, rows: as of `codec.Patches`.
        views: fields of ViewsConfig that the weights are best turned with.
    """

    _optional_components = ("autoencoder",)

    def __init__(
        self,
        unet: UNet2DModel,
        embedding: PoseEmbedding,
        sigma_data: float = 0.5,  # diffusers takes arguments without a default for modules
        ring_azimuth: Sequence[float] = (),
        ring_score: float = 0.0,
        ring_span: Sequence[float] = (0.0, 360.0),
        latent_factor: int = 1,
        latent_mean: Sequence[float] = (),
        latent_std: Sequence[float] = (),
        autoencoder: Any = None,
        fit: str = FIT,
        framing: dict[str, Any] | None = None,
        patch: int = 1,
        rows: Sequence[int] | None = None,
        views: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.register_modules(unet=unet, embedding=embedding, autoencoder=autoencoder)
        self.register_to_config(
            latent_factor=latent_factor,
            latent_mean=list(latent_mean),
            latent_std=list(latent_std),
            sigma_data=sigma_data,
            ring_azimuth=list(ring_azimuth),
            ring_score=ring_score,
            ring_span=list(ring_span),
            fit=fit,
            framing=framing,
            patch=patch,
            rows=None if rows is None else list(rows),
            views=views,
        )

    @property
    def fit(self) -> str:
        return str(self.config.fit)

    @property
    def framing(self) -> Framing:
        return Framing.from_dict(self.config.framing or {})

    @property
    def ring(self) -> PoseRing:
        low, high = self.config.ring_span
        azimuth = np.asarray(self.config.ring_azimuth)
        return PoseRing(azimuth, float(self.config.ring_score), (low, high))

    @property
    def denoiser(self) -> PoseDenoiser:
        sigma_data = float(self.config.sigma_data)
        return PoseDenoiser(self.unet, self.embedding, sigma_data, self._codec).eval()

    @property
    def _codec(self) -> Codec:
        facts = self.config
        codec: Codec = PIXELS
        if self.autoencoder is not None:
            codec = Latents(
                self.autoencoder,
                facts.latent_factor,
                list(facts.latent_mean),
                list(facts.latent_std),
                float(facts.sigma_data),
            )
        rows = None if facts.rows is None else (facts.rows[0], facts.rows[1])
        return codec if facts.patch == 1 and rows is None else Patches(codec, facts.patch, rows)

    @torch.no_grad()
    def __call__(
        self,
        image: Image.Image | ByteArray,
        reference_pose: int,
        reference_azimuth: float | None = None,
        azimuths: Sequence[float] | int = 12,
        **views: Any,
    ) -> OrbitOutput:
        """Views of the photo's object.

        Args:
            image: photo of any size and mode; becomes a square as the training photos did.
            reference_pose: its pose, in [0, K); `mirage assign` or the bank tells.
            reference_azimuth: its azimuth on the ring, degrees; the pose's own if None.
            azimuths: degrees on the ring, or how many views round the whole circle, the first at
                the photo's own azimuth.
            views: fields of ViewsConfig: mode="soft", seed=3, guidance={"pose": {"weight": 2.0}}, …

        Raises:
            MirageError: no such pose or field.
        """
        ring, denoiser = self.ring, self.denoiser
        if not 0 <= reference_pose < ring.num_poses:
            raise MirageError(
                f"pose {reference_pose} does not exist",
                where="reference_pose",
                todo=f"poses are numbered 0 to {ring.num_poses - 1}",
            )
        picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
        photo = to_square(to_rgb(picture), denoiser.resolution, self.fit)
        own = ring.azimuth[reference_pose] if reference_azimuth is None else reference_azimuth
        asked = (
            ring_azimuths(ring, azimuths, float(own))
            if isinstance(azimuths, int)
            else np.asarray(azimuths)
        )
        config = changed(as_settings(self.config.views), views, "views")
        posed = PosedPhoto(photo, reference_pose, float(own))
        orbit = sample_orbit(denoiser, ring, [posed], asked, config)
        return OrbitOutput(
            images=[Image.fromarray(frame) for frame in orbit.frames],
            azimuths=[float(a) for a in orbit.azimuth],
            poses=[int(p) for p in orbit.pose],
        )
