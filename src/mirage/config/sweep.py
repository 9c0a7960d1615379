"""Many runs of one base."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from mirage.config.run import Config
from mirage.config.values.checks import one_of, require
from mirage.config.values.places import Place, expand_places


@dataclass
class PlotConfig:
    x: str = "variant"  # a key that takes several values, or variant
    y: list[str] = field(default_factory=list)  # figures, a panel each

    def __post_init__(self) -> None:
        require(bool(self.y), "sweep.plots", "a plot needs at least one figure in y")


@dataclass
class SweepConfig:
    """Which runs a sweep makes of one base, and what is compared at its end.

    Values are in Hydra's grammar: `6,12,24` and `range(3)` are several, `[4,5]` is one. Those of a
    path, which may have a comma, are told apart as a list or by `choice(a,b)`. Every combination of
    a variant with the values of the grid is a job. Jobs that differ only in keys named seed are
    repeats: they share a row, with mean and spread.
    """

    commands: list[str] = field(default_factory=list)  # in order; none: the road to the command
    grid: dict[str, Any] = field(default_factory=dict)  # key → its values, also as a list
    variants: dict[str, dict[str, Any]] = field(default_factory=dict)  # name → what it changes
    variant: str | None = None  # this one of them alone
    # Columns: dotted paths in evaluate/figures.json and, below poses, in poses/summary.json; none:
    # what the commands measure.
    figures: list[str] = field(default_factory=list)
    plots: dict[str, PlotConfig] = field(default_factory=dict)  # name of the PNG → what is drawn
    wandb: Place | None = None  # run nothing: write the sweep to this file, for agents of W&B
    point: str | None = None  # make the one job that is left, in a folder of this name

    def __post_init__(self) -> None:
        expand_places(self)
        for command in self.commands:
            one_of("sweep.commands", command, SWEPT_COMMANDS)
        named = [("variants", name) for name in self.variants]
        named += [("plots", name) for name in self.plots]
        named += [("point", self.point)] if self.point is not None else []
        for key, name in named:
            require(
                re.fullmatch(r"[^\W_][\w.+-]*", name) is not None,
                f"sweep.{key}",
                f"{name!r} cannot name a file",
                "use letters, digits and . _ + -, a letter or digit first",
            )
        if self.variant is not None:
            one_of("sweep.variant", self.variant, tuple(self.variants))


SWEPT_COMMANDS = ("images", "poses", "train", "views", "evaluate", "report", "run")


def road_to(command: str) -> tuple[str, ...]:
    """What a job runs for a command; for `sweep`, what measures poses."""
    if command == "sweep":
        return ("images", "poses", "evaluate")
    *road, whole = SWEPT_COMMANDS
    return (whole,) if command == whole else tuple(road[: road.index(command) + 1])


@dataclass
class SweptConfig(Config):
    """The base of a sweep's runs, and the sweep."""

    sweep: SweepConfig = field(default_factory=SweepConfig)
