"""Where photos come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mirage.config.values.checks import a_seed, one_of, positive, require
from mirage.config.values.places import Place


@dataclass
class TurntableConfig:
    category: str = "cars"  # cars | chairs | mugs
    variant: str = "plain"  # plain | textured (the object) | cluttered (the background)
    azimuths: list[float] = field(default_factory=lambda: [0.0, 360.0])  # drawn between, degrees
    # Where more views are: [azimuth, within, share] each, the share of all views that is drawn
    # evenly from so many degrees about an azimuth; the rest is drawn from `azimuths`.
    density: list[Any] = field(default_factory=list)
    objects: int = 160  # objects rendered
    views: int = 12  # renders per object, at azimuths drawn at random
    size: int = 64  # side of a render, pixels
    seed: int = 0  # the set is a function of this seed
    workers: int = 2  # rendering processes

    def __post_init__(self) -> None:
        one_of("images.turntable.category", self.category)
        a_seed("images.turntable", self)
        one_of("images.turntable.variant", self.variant)
        require(
            len(self.azimuths) == 2 and 0.0 < self.azimuths[1] - self.azimuths[0] <= 360.0,
            "images.turntable.azimuths",
            f"{self.azimuths} is not an arc",
            "give its ends in degrees, the lower first, as in [-60, 60]",
        )
        for peak in self.density:
            require(
                isinstance(peak, list)
                and len(peak) == 3
                and all(isinstance(number, int | float) for number in peak)
                and 0.0 < peak[1] <= 180.0
                and 0.0 < peak[2] <= 1.0,
                "images.turntable.density",
                f"{peak} is no [azimuth, within, share]",
                "give degrees, degrees in (0, 180] and a share in (0, 1], as in [45, 20, 0.3]",
            )
        total = sum(peak[2] for peak in self.density)
        require(
            total <= 1.0 + 1e-9,
            "images.turntable.density",
            f"the shares add up to {total:g} of the views",
            "lower them: what they leave of 1 is drawn from images.turntable.azimuths",
        )
        positive("images.turntable", self, "objects", "views", "size", "workers")


@dataclass
class ImagesConfig:
    source: str = "folder"  # folder | tar | shards | csv | compcars | turntable
    # The folder, tar or CSV file, or CompCars' folder; of shards, a folder, pattern or URL.
    path: Place | None = None
    fit: str = "pad"  # how a photo becomes square: pad | crop | stretch
    # What the model sees of a photo: its object at the same height in all (a turn leaves height
    # alone), its longer side the same, or the photo as it is; auto: height, none of renders.
    frame: str = "auto"  # auto | height | box | none
    min_side: int = 24  # smaller photos are rejected, pixels
    max_pixels: int = 60_000_000  # larger photos are rejected, pixels
    min_count: int = 50  # fewer usable photos end the run
    heldout_fraction: float = 0.1  # objects (photos, where no object is known) kept out of training
    seed: int = 0  # of the train / held-out split
    turntable: TurntableConfig = field(default_factory=TurntableConfig)

    def __post_init__(self) -> None:
        one_of("images.source", self.source)
        a_seed("images", self)
        one_of("images.fit", self.fit)
        one_of("images.frame", self.frame)
        require(
            self.fit == "pad" or self.frame in ("auto", "none"),
            "images.frame",
            f"{self.frame} needs whole photos, and images.fit={self.fit} does not keep them",
            "use images.fit=pad, or images.frame=none",
        )
        require(
            self.source != "turntable" or self.frame in ("auto", "none"),
            "images.frame",
            f"{self.frame} is for photos: a turntable's renders are framed by its camera",
            "leave it out, or save the renders and give them as images.source=folder",
        )
        positive("images", self, "min_side", "max_pixels", "min_count")
        require(
            0.0 < self.heldout_fraction < 1.0,
            "images.heldout_fraction",
            f"{self.heldout_fraction} is not between 0 and 1",
        )

    @property
    def framing(self) -> str:
        """How photos are framed: height, box or none."""
        if self.frame != "auto":
            return self.frame
        return "none" if self.source == "turntable" or self.fit != "pad" else "height"
