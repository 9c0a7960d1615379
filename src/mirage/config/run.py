"""All of a run."""

from __future__ import annotations

from dataclasses import dataclass, field

from mirage.config.budget import BudgetConfig
from mirage.config.launcher import LauncherConfig
from mirage.config.sections.ablation import AblationConfig
from mirage.config.sections.autoencoder import AutoencoderConfig
from mirage.config.sections.backbone import BackboneConfig
from mirage.config.sections.data import DataConfig
from mirage.config.sections.evaluate import EvaluateConfig
from mirage.config.sections.images import ImagesConfig
from mirage.config.sections.model import ModelConfig
from mirage.config.sections.parts import PartsConfig
from mirage.config.sections.poses import PosesConfig
from mirage.config.sections.refine import RefineConfig
from mirage.config.sections.shape import ShapeConfig
from mirage.config.sections.train import TrainConfig
from mirage.config.sections.views import ViewsConfig
from mirage.config.values.checks import require
from mirage.config.values.places import Place, expand_places

AUTO = "auto"  # the recipe of a run for which none is chosen yet


@dataclass
class Config:
    """All of a run. See `mirage <command> --help` for what each command reads."""

    run: Place = "runs/default"  # the run's folder
    group: str | None = None  # of W&B runs, this one among them; a sweep's jobs get its name
    # auto: chosen when training begins, then an experiment's name; null in runs older than that.
    recipe: str | None = AUTO
    # Keys that were typed: a recipe yet to be chosen, and what pretrained weights are best turned
    # with, leave them alone.
    given: list[str] = field(default_factory=list, compare=False)
    pretrained: Place | None = None  # weights to start from: a name or a folder; null starts afresh
    reference_pose: int | None = None  # insist on this pose for the reference photo
    dry_run: bool = False  # train: say what it would take, and leave everything as it is
    budget: BudgetConfig = field(default_factory=BudgetConfig)
    launcher: LauncherConfig = field(default_factory=LauncherConfig)
    images: ImagesConfig = field(default_factory=ImagesConfig)
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    parts: PartsConfig = field(default_factory=PartsConfig)
    poses: PosesConfig = field(default_factory=PosesConfig)
    autoencoder: AutoencoderConfig = field(default_factory=AutoencoderConfig)
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    refine: RefineConfig = field(default_factory=RefineConfig)
    views: ViewsConfig = field(default_factory=ViewsConfig)
    shape: ShapeConfig = field(default_factory=ShapeConfig)
    evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)
    ablation: AblationConfig = field(default_factory=AblationConfig)

    @property
    def is_open(self) -> bool:
        """Whether what is trained is still to be chosen, or its steps to be fitted to a budget."""
        return self.recipe == AUTO or self.budget.is_open

    def was_given(self, key: str) -> bool:
        """Whether the key, or a section that it is in, is among `given`."""
        return any(f"{key}.".startswith(f"{typed}.") for typed in self.given)

    def __post_init__(self) -> None:
        expand_places(self)
        halvings = 2 ** (len(self.model.channels) - 1)
        require(
            self.data.resolution % halvings == 0,
            "data.resolution",
            f"{self.data.resolution} px cannot be halved {len(self.model.channels) - 1} times",
            f"model.channels has {len(self.model.channels)} levels: use a multiple of {halvings}",
        )
        counts = self.poses.counts
        require(
            self.reference_pose is None
            or (self.reference_pose >= 0 and (not counts or self.reference_pose < counts[-1])),
            "reference_pose",
            f"pose {self.reference_pose} does not exist",
            f"poses are numbered 0 to {counts[-1] - 1}" if counts else "poses are numbered from 0",
        )
