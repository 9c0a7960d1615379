"""What a key can be, where it is one of several: of a registry of exchangeable parts, or of ways.

The names of a registry's parts stand here, for checks, help and documentation, which load none of
the parts; `registered` holds the registry itself to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")

_PRECISIONS = ("auto", "fp32", "bf16")
CHOICES: dict[str, tuple[str, ...]] = {
    "launcher.kind": ("local", "slurm"),
    "images.source": ("folder", "tar", "shards", "csv", "compcars", "turntable"),
    "images.fit": ("pad", "crop", "stretch"),
    "images.frame": ("auto", "height", "box", "none"),
    "images.turntable.category": ("cars", "chairs", "mugs"),
    "images.turntable.variant": ("plain", "textured", "cluttered"),
    "backbone.name": ("dinov2", "effnet_lite"),
    "backbone.precision": _PRECISIONS,
    "autoencoder.precision": _PRECISIONS,
    "model.network": ("unet",),
    "train.weight": ("edm", "min_snr", "flow"),
    "train.precision": _PRECISIONS,
    # What of the photo is used: nothing; the noise that it inverts to, where views start; its keys
    # and values in attention as well; and hard-attention guidance.
    "views.mode": ("none", "start", "soft", "hard"),
    "views.noise": ("inversion", "fixed"),
    "views.attention": ("replace", "concat"),
    "views.background": ("keep", "plain"),
    "views.placement": ("fit", "keep"),
    "views.sampler.solver": ("euler", "heun", "dpmpp_2m"),
    "views.sampler.precision": _PRECISIONS,
}


def registered(key: str, parts: Mapping[str, T]) -> Mapping[str, T]:
    """A registry of the parts that `key` chooses from, by name.

    Raises:
        ValueError: their names are not the key's choices.
    """
    if set(parts) != set(CHOICES[key]):
        raise ValueError(f"{key} is one of {', '.join(CHOICES[key])}; the parts are {list(parts)}")
    return parts
