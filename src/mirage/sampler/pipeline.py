"""The trained model as a diffusers pipeline: one folder that anyone can load and turn photos with.

    DiffusionPipeline.from_pretrained(folder, custom_pipeline=folder, trust_remote_code=True)

The folder holds the network, the pose embedding, the ring, how photos become squares, and the pose
bank that gave the labels: pose numbers mean nothing without it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DiffusionPipeline, UNet2DModel
from diffusers.utils import BaseOutput
from PIL import Image

from mirage.config import ViewsConfig
from mirage.config.changes import changed, differences
from mirage.config.renamed import current_name
from mirage.core.contracts import ByteArray, Framing, PosedPhoto, PoseRing
from mirage.core.errors import MirageError
from mirage.images.squares import to_rgb, to_square
from mirage.model.codec import PIXELS, Codec, Latents, Patches, load_autoencoder
from mirage.model.conditioning import PoseEmbedding
from mirage.model.denoiser import PoseDenoiser
from mirage.sampler.orbit import sample_orbit
from mirage.sampler.targets import ring_azimuths

BANK = "bank.safetensors"
# Of `ViewsConfig`, what belongs to the weights and travels with them where it is not the default.
_ADVISED = ("mode", "start", "attention", "guidance", "sampler.steps", "sampler.solver",
            "sampler.sigma", "sampler.rho")  # fmt: skip
_ORIGIN = "_name_or_path"
_FIT = "pad"  # of folders that were written before it was kept in them
_LOADER = '''"""Lets diffusers find the pipeline; needs the `mirage` package."""

from mirage.sampler.pipeline import MiragePipeline

__all__ = ["MiragePipeline"]
'''


@dataclass
class OrbitOutput(BaseOutput):  # type: ignore[misc]
    """images: V PIL images. azimuths: V degrees. poses: V pose numbers."""

    images: list[Image.Image]
    azimuths: list[float]
    poses: list[int]


class MiragePipeline(DiffusionPipeline):  # type: ignore[misc]
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
        fit: str = _FIT,
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
                self.autoencoder, facts.latent_factor, list(facts.latent_mean),
                list(facts.latent_std), float(facts.sigma_data),
            )  # fmt: skip
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
        config = changed(_advised(self.config.views), views, "views")
        posed = PosedPhoto(photo, reference_pose, float(own))
        orbit = sample_orbit(denoiser, ring, [posed], asked, config)
        return OrbitOutput(
            images=[Image.fromarray(frame) for frame in orbit.frames],
            azimuths=[float(a) for a in orbit.azimuth],
            poses=[int(p) for p in orbit.pose],
        )


def export_pipeline(
    denoiser: PoseDenoiser,
    ring: PoseRing,
    bank: Path,
    folder: Path,
    fit: str = _FIT,
    framing: Framing | None = None,
    views: ViewsConfig | None = None,
    dtype: torch.dtype = torch.float32,
) -> None:
    """Write the pipeline's folder, by way of a temporary one; `bank` travels with it.

    Args:
        fit: how the training photos became squares, as in `to_square`.
        framing: how they show their object.
        views: what the run turns photos with.
    """
    codec = denoiser.codec
    seen: dict[str, Any] = {}
    if isinstance(codec, Patches):
        seen = {"patch": codec.size, "rows": codec.rows}
        codec = codec.inner
    if isinstance(codec, Latents):
        seen |= {
            "autoencoder": codec.autoencoder,
            "latent_factor": codec.factor,
            "latent_mean": codec.mean,
            "latent_std": codec.std,
        }
    pipeline = MiragePipeline(
        unet=deepcopy(denoiser.unet),  # the caller's keep their precision
        embedding=deepcopy(denoiser.embedding),
        sigma_data=denoiser.sigma_data,
        ring_azimuth=[float(a) for a in ring.azimuth],
        ring_score=ring.score,
        ring_span=list(ring.span),
        fit=fit,
        framing=None if framing is None else asdict(framing),
        views=None if views is None else _settings(views),
        **seen,
    )
    temporary = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    if dtype != torch.float32:
        pipeline.to(dtype)
    pipeline.save_pretrained(temporary)
    _forget_paths(temporary)
    (temporary / "pipeline.py").write_text(_LOADER)
    shutil.copyfile(bank, temporary / BANK)
    shutil.rmtree(folder, ignore_errors=True)
    temporary.replace(folder)


def load_pipeline(folder: Path) -> MiragePipeline:
    """Read an exported folder, in fp32.

    Raises:
        MirageError: the folder is missing or damaged.
    """
    with _explained(folder):
        how = {"torch_dtype": torch.float32, "low_cpu_mem_usage": False}
        unet = UNet2DModel.from_pretrained(folder / "unet", **how)
        embedding = PoseEmbedding.from_pretrained(folder / "embedding", **how)
        facts = MiragePipeline.load_config(folder)
        autoencoder = None
        if (folder / "autoencoder").exists():
            autoencoder = load_autoencoder(str(folder / "autoencoder"), str(folder))
        known = ("sigma_data", "ring_azimuth", "ring_score")
        later = (
            "ring_span", "latent_factor", "latent_mean", "latent_std", "fit", "framing", "patch",
            "rows", "views",
        )  # fmt: skip
        return MiragePipeline(
            unet,
            embedding,
            autoencoder=autoencoder,
            **{name: facts[name] for name in known},
            **{name: facts[name] for name in later if name in facts},
        )


def _forget_paths(folder: Path) -> None:
    """Take out of an exported folder where its parts were read from: it is copied and mailed."""
    for path in folder.rglob("*.json"):
        facts = json.loads(path.read_text())
        if facts.pop(_ORIGIN, None) is not None:
            path.write_text(json.dumps(facts, indent=2, sort_keys=True) + "\n")


def _settings(views: ViewsConfig) -> dict[str, Any]:
    differing = differences(views, ViewsConfig())
    return {name: value for name, value in differing.items() if name.startswith(_ADVISED)}


def _advised(kept: dict[str, Any] | None) -> ViewsConfig:
    names = {name: current_name(f"views.{name}").removeprefix("views.") for name in kept or {}}
    return changed(ViewsConfig(), {names[n]: value for n, value in (kept or {}).items()}, "views")


def read_settings(folder: Path) -> ViewsConfig:
    """What the weights of an exported folder are best turned with.

    Raises:
        MirageError: the folder is missing or damaged.
    """
    with _explained(folder):
        return _advised(MiragePipeline.load_config(folder).get("views"))


def read_fit(folder: Path) -> str:
    """How photos become squares for the model of an exported folder, without loading it.

    Raises:
        MirageError: the folder is missing or damaged.
    """
    with _explained(folder):
        return str(MiragePipeline.load_config(folder).get("fit", _FIT))


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """What goes wrong in reading an exported folder becomes a MirageError."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MirageError(
            f"no trained model can be read: {str(error).splitlines()[0][:200]}",
            where=str(folder),
            todo="run `mirage train` for this run first",
        ) from error
