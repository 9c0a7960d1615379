"""How views are sampled."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite

from mirage.config.values.checks import a_seed, one_of, positive, require
from mirage.config.values.choices import CHOICES
from mirage.config.values.places import Place

MODES = CHOICES["views.mode"]


@dataclass
class SamplerConfig:
    """The solver of the probability-flow ODE, and its noise levels."""

    solver: str = "dpmpp_2m"  # euler | heun | dpmpp_2m
    steps: int = 20  # solver steps
    sigma_max: float = 20.0  # noise level σ that sampling starts from
    sigma_min: float = 0.02  # last noise level above 0
    rho: float = 7.0  # EDM schedule exponent
    precision: str = "auto"  # auto | fp32 | bf16 of the network; auto takes what is faster
    chunk: int = 64  # pictures that pass the network at once; bounds memory

    def __post_init__(self) -> None:
        one_of("views.sampler.solver", self.solver)
        one_of("views.sampler.precision", self.precision)
        positive("views.sampler", self, "steps", "sigma_min", "rho", "chunk")
        require(
            self.sigma_max > self.sigma_min,
            "views.sampler.sigma_max",
            f"{self.sigma_max} ≤ views.sampler.sigma_min",
        )


@dataclass
class CorrectionConfig:
    """A correction that guidance adds to the denoiser's estimate."""

    weight: float = 0.0  # 0 turns it off
    # [low, high] of the noise levels σ where it acts.
    interval: list[float] = field(default_factory=lambda: [0.0, 20.0])


@dataclass
class GuidanceConfig:
    """Corrections that are added to the denoiser's estimate."""

    pose: CorrectionConfig = field(  # D + w (D_pose − D_null)
        default_factory=lambda: CorrectionConfig(1.0, [0.3, 20.0])
    )
    hard: CorrectionConfig = field(  # D_soft + s (D_hard − D_soft), in mode hard
        default_factory=lambda: CorrectionConfig(0.5, [0.0, 0.3])
    )
    perturbed: CorrectionConfig = field(  # D + s (D − D_blind), of attention that sees one pixel
        default_factory=CorrectionConfig
    )

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            interval = getattr(self, name).interval
            require(
                len(interval) == 2 and 0.0 <= interval[0] <= interval[1],
                f"views.guidance.{name}.interval",
                f"{interval} is not [low, high] with 0 ≤ low ≤ high",
            )


@dataclass
class ViewsConfig:
    reference: Place = "heldout"  # a photo, a folder of photos, or heldout: kept out of training
    references: int = 8  # how many held-out photos
    photos: int = 1  # photos of one object that its views look at; above 1, a folder is one object
    background: str = "keep"  # keep | plain: behind the photo's object, its median border colour
    placement: str = "fit"  # fit | keep: a named photo is cut so that its object is where usual
    count: int = 12  # views round the circle, the first at the photo's own azimuth
    azimuths: list[float] | None = None  # in place of count: degrees on the run's ring
    seed: int = 0  # of the noise: the same seed gives the same views, whatever their number
    mode: str = "soft"  # each adds one thing to the last: none (of the photo) | start | soft | hard
    noise: str = "inversion"  # inversion | fixed: how the photo gets to noise
    start: float = 1.0  # how much of the photo's own noise is in the noise that views start from
    attention: str = "replace"  # replace | concat: the photo's keys and values, alone or joined
    best_of: int = 1  # samples of each view, of which the best by pose and colours is kept
    guidance: GuidanceConfig = field(default_factory=GuidanceConfig)
    sampler: SamplerConfig = field(default_factory=SamplerConfig)

    def __post_init__(self) -> None:
        one_of("views.mode", self.mode)
        require(
            0.0 <= self.start <= 1.0,
            "views.start",
            f"{self.start} is not in [0, 1]",
            "1 starts every view from the photo's noise, 0 each from its own",
        )
        one_of("views.noise", self.noise)
        one_of("views.background", self.background)
        one_of("views.placement", self.placement)
        one_of("views.attention", self.attention)
        require(
            self.azimuths is None or (bool(self.azimuths) and all(map(isfinite, self.azimuths))),
            "views.azimuths",
            f"{self.azimuths} are no azimuths to turn to",
            "give degrees, as in [0,10,20], or null to go round by views.count",
        )
        positive("views", self, "references", "photos", "count", "best_of")
        a_seed("views", self)

    @property
    def num_views(self) -> int:
        """Views of each reference."""
        return self.count if self.azimuths is None else len(self.azimuths)
