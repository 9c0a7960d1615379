"""Many runs of one base."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from mirage.config.checks import one_of, require
from mirage.config.run import Config


@dataclass
class PlotConfig:
    x: str = "variant"  # a key that takes several values, or variant
    y: list[str] = field(default_factory=list)  # figures, a panel each

    def __post_init__(self) -> None:
        require(bool(self.y), "sweep.plots", "a plot needs at least one figure in y")


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
        require(bool(self.commands), "sweep.commands", "there is nothing to run")
        for command in self.commands:
            one_of("sweep.commands", command, SWEPT_COMMANDS)
        for section in ("variants", "plots"):
            for name in getattr(self, section):
                require(
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
