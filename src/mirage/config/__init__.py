"""Every setting, with its meaning and unit; every default has its one place, in a file a section.

A value that cannot be, or that contradicts another, is refused when its dataclass is made.
"""

from mirage.config.autoencoder import AutoencoderConfig
from mirage.config.budget import BudgetConfig
from mirage.config.images import ImagesConfig, TurntableConfig
from mirage.config.launcher import LauncherConfig
from mirage.config.measuring import AblationConfig, EvaluateConfig
from mirage.config.poses import BackboneConfig, PartsConfig, PosesConfig
from mirage.config.run import AUTO, Config
from mirage.config.shape import ShapeConfig
from mirage.config.sweep import SWEPT_COMMANDS, PlotConfig, SweepConfig, SweptConfig, road_to
from mirage.config.training import DataConfig, ModelConfig, RefineConfig, TrainConfig
from mirage.config.views import MODES, ViewsConfig

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
    "ShapeConfig",
    "SweepConfig",
    "SweptConfig",
    "TrainConfig",
    "TurntableConfig",
    "ViewsConfig",
    "road_to",
]
