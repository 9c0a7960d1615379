"""Every setting, with its meaning and unit; every default has its one place, in a file a section.

A value that cannot be, or that contradicts another, is refused when its dataclass is made.
"""

from mirage.config.budget import BudgetConfig
from mirage.config.launcher import LauncherConfig
from mirage.config.run import AUTO, Config
from mirage.config.sections.ablation import AblationConfig
from mirage.config.sections.autoencoder import AutoencoderConfig
from mirage.config.sections.backbone import BackboneConfig
from mirage.config.sections.data import DataConfig
from mirage.config.sections.evaluate import EvaluateConfig
from mirage.config.sections.images import ImagesConfig, TurntableConfig
from mirage.config.sections.model import ModelConfig
from mirage.config.sections.parts import PartsConfig
from mirage.config.sections.poses import PosesConfig
from mirage.config.sections.refine import RefineConfig
from mirage.config.sections.shape import ShapeConfig
from mirage.config.sections.train import TrainConfig
from mirage.config.sections.views import MODES, SamplerConfig, ViewsConfig
from mirage.config.sweep import SWEPT_COMMANDS, PlotConfig, SweepConfig, SweptConfig, road_to

__all__ = [
    "AUTO",
    "MODES",
    "SWEPT_COMMANDS",
    "AblationConfig",
    "AutoencoderConfig",
    "BackboneConfig",
    "BudgetConfig",
    "Config",
    "DataConfig",
    "EvaluateConfig",
    "ImagesConfig",
    "LauncherConfig",
    "ModelConfig",
    "PartsConfig",
    "PlotConfig",
    "PosesConfig",
    "RefineConfig",
    "SamplerConfig",
    "ShapeConfig",
    "SweepConfig",
    "SweptConfig",
    "TrainConfig",
    "TurntableConfig",
    "ViewsConfig",
    "road_to",
]
