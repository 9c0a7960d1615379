"""A trained model as a folder that anyone can load: written, and read again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DModel

from mirage.config import ViewsConfig
from mirage.core.contracts import Framing, PoseRing
from mirage.core.errors import MirageError
from mirage.model.codec import Latents, Patches, load_autoencoder
from mirage.model.conditioning import PoseEmbedding
from mirage.model.denoiser import PoseDenoiser
from mirage.sampler.advice import as_kept, as_settings
from mirage.sampler.pipeline import FIT, MiragePipeline

BANK = "bank.safetensors"
_ORIGIN = "_name_or_path"
_LOADER = '''"""Lets diffusers find the pipeline; needs the `mirage` package."""

from mirage.sampler.pipeline import MiragePipeline

__all__ = ["MiragePipeline"]
'''


def export_pipeline(
    denoiser: PoseDenoiser,
    ring: PoseRing,
    bank: Path,
    folder: Path,
    fit: str = FIT,
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
        views=None if views is None else as_kept(views),
        **seen,
    )
    temporary = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    if dtype != torch.float32:
        pipeline.to(dtype)
    pipeline.save_pretrained(temporary)
    forget_paths(temporary)
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
            "ring_span",
            "latent_factor",
            "latent_mean",
            "latent_std",
            "fit",
            "framing",
            "patch",
            "rows",
            "views",
        )
        return MiragePipeline(
            unet,
            embedding,
            autoencoder=autoencoder,
            **{name: facts[name] for name in known},
            **{name: facts[name] for name in later if name in facts},
        )


def forget_paths(folder: Path) -> None:
    """Take out of an exported folder where its parts were read from: it is copied and mailed."""
    for path in folder.rglob("*.json"):
        facts = json.loads(path.read_text())
        if facts.pop(_ORIGIN, None) is not None:
            path.write_text(json.dumps(facts, indent=2, sort_keys=True) + "\n")


def read_settings(folder: Path) -> ViewsConfig:
    """What the weights of an exported folder are best turned with.

    Raises:
        MirageError: the folder is missing or damaged.
    """
    with _explained(folder):
        return as_settings(MiragePipeline.load_config(folder).get("views"))


def read_fit(folder: Path) -> str:
    """How photos become squares for the model of an exported folder, without loading it.

    Raises:
        MirageError: the folder is missing or damaged.
    """
    with _explained(folder):
        return str(MiragePipeline.load_config(folder).get("fit", FIT))


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
