"""How views are sampled."""

from __future__ import annotations

from dataclasses import dataclass, field

from mirage.config.checks import one_of, positive, require
from mirage.config.places import Place

# What of the photo is used: nothing; the noise that it inverts to, where views start; its keys and
# values in attention as well; and hard-attention guidance.
MODES = ("none", "start", "soft", "hard")


@dataclass
class ViewsConfig:
    reference: Place = "heldout"  # a photo, a folder of photos, or heldout: kept out of training
    references: int = 8  # how many held-out photos
    reference_path: str = "inversion"  # inversion | fixed_noise: how the photo gets to noise
    background: str = "keep"  # keep | plain: behind the photo's object, its median border colour
    placement: str = "fit"  # fit | keep: a named photo is cut so that its object is where usual
    photos: int = 1  # photos of one object that its views look at; above 1, a folder is one object
    count: int = 12  # views round the circle, the first at the photo's own azimuth
    azimuths: list[float] | None = None  # in place of count: degrees on the run's ring
    seed: int = 0  # of the noise: the same seed gives the same views, whatever their number
    mode: str = "soft"  # each adds one thing to the last: none (of the photo) | start | soft | hard
    start: float = 1.0  # how much of the photo's own noise is in the noise that views start from
    share: str = "replace"  # replace | concat: the reference's keys and values, alone or joined
    share_sides: list[int] | None = None  # sides of the feature maps that share; null: all
    share_interval: list[float] = field(default_factory=lambda: [0.0, 1e6])  # σ where it acts
    share_foreground: bool = False  # the photo's keys of its object alone; with concat
    previous: int = 0  # views made before that a view looks at too; 0 makes all at once
    refine: str = "none"  # none | 3d: once more, from renders of an object made of the views
    refine_sigma: float = 0.5  # noise level σ that those renders are brought to
    best_of: int = 1  # samples of each view, of which the best by pose and colours is kept
    steps: int = 20  # solver steps
    solver: str = "dpmpp_2m"  # euler | heun | dpmpp_2m
    sigma_max: float = 20.0  # noise level σ that sampling starts from
    sigma_min: float = 0.02  # last noise level above 0
    rho: float = 7.0  # EDM schedule exponent
    pose_guidance: float = 1.0  # w: D + w (D_pose − D_null); 0 turns it off
    pose_interval: list[float] = field(default_factory=lambda: [0.3, 20.0])  # σ where it acts
    hard_guidance: float = 0.5  # s_h: D_soft + s_h (D_hard − D_soft)
    hard_interval: list[float] = field(default_factory=lambda: [0.0, 0.3])  # σ where it acts
    hard_temperature: float = 0.0  # of the hard attention's softmax: 0 is argmax, 1 is soft
    hard_best: int | None = None  # keys that a query sees in hard attention, its best; null: all
    share_guidance: float = 0.0  # D_soft + s (D_soft − D_alone), of views that see no photo
    # σ where it acts
    share_guidance_interval: list[float] = field(default_factory=lambda: [0.0, 20.0])
    perturbed_guidance: float = 0.0  # D + s (D − D_blind), of attention that sees one pixel
    perturbed_interval: list[float] = field(default_factory=lambda: [0.0, 20.0])  # σ where it acts
    weak_guidance: float = 0.0  # D + s (D − D_weak), of the model below (autoguidance)
    weak_interval: list[float] = field(default_factory=lambda: [0.0, 20.0])  # σ where it acts
    weak_model: Place | None = None  # model/ folder of a worse version of this model, of its poses
    precision: str = "auto"  # auto | fp32 | bf16 of the network; auto takes what is faster
    chunk: int = 64  # pictures that pass the network at once; bounds memory

    def __post_init__(self) -> None:
        one_of("views.mode", self.mode, MODES)
        require(
            0.0 <= self.start <= 1.0, "views.start", f"{self.start} is not in [0, 1]",
            "1 starts every view from the photo's noise, 0 each from its own",
        )  # fmt: skip
        if self.reference_path == "auto":  # in older runs, where inversion won
            self.reference_path = "inversion"
        one_of("views.reference_path", self.reference_path, ("inversion", "fixed_noise"))
        one_of("views.precision", self.precision, ("auto", "fp32", "bf16"))
        one_of("views.background", self.background, ("keep", "plain"))
        one_of("views.placement", self.placement, ("fit", "keep"))
        require(
            self.azimuths is None or len(self.azimuths) > 0,
            "views.azimuths",
            "there is no azimuth to turn to",
            "give degrees, as in [0,10,20], or null to go round by views.count",
        )
        one_of("views.share", self.share, ("replace", "concat"))
        one_of("views.refine", self.refine, ("none", "3d"))
        one_of("views.solver", self.solver, ("euler", "heun", "dpmpp_2m"))
        positive(
            "views", self, "references", "photos", "count", "best_of", "steps", "sigma_min", "rho",
            "chunk", "refine_sigma",
        )  # fmt: skip
        require(
            self.sigma_max > self.sigma_min,
            "views.sigma_max",
            f"{self.sigma_max} ≤ views.sigma_min",
        )
        require(
            self.refine_sigma > self.sigma_min,
            "views.refine_sigma",
            f"{self.refine_sigma} ≤ views.sigma_min: nothing would be denoised",
        )
        require(
            0.0 <= self.hard_temperature <= 1.0,
            "views.hard_temperature",
            f"{self.hard_temperature} is not in [0, 1]",
        )
        require(self.previous >= 0, "views.previous", f"{self.previous} is negative")
        require(
            self.hard_best is None or self.hard_best > 0,
            "views.hard_best", f"{self.hard_best} is not positive",
        )  # fmt: skip
        require(
            not self.share_foreground or self.share == "concat",
            "views.share_foreground",
            "what is behind the object would have nothing to look at",
            "use it with views.share=concat, where views look at themselves too",
        )
        require(
            self.weak_guidance == 0.0 or self.weak_model is not None,
            "views.weak_guidance",
            "there is no worse model to be guided away from",
            "name one in views.weak_model, such as the model/ folder of a shorter training",
        )
        for name in (
            "pose_interval", "hard_interval", "share_interval", "share_guidance_interval",
            "perturbed_interval", "weak_interval",
        ):  # fmt: skip
            value = getattr(self, name)
            require(
                len(value) == 2 and 0.0 <= value[0] <= value[1],
                f"views.{name}",
                f"{value} is not [low, high] with 0 ≤ low ≤ high",
            )

    @property
    def num_views(self) -> int:
        """Views of each reference."""
        return self.count if self.azimuths is None else len(self.azimuths)
