"""The columns of a sweep's table."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from mirage.config import PlotConfig, SweepConfig
from mirage.sweeps.table import figure_names


def names(commands: list[str], **settings: Any) -> list[str]:
    sweep: Any = SimpleNamespace(commands=commands, settings=SweepConfig(**settings))
    return figure_names(sweep)


def test_columns_are_the_main_metrics_of_what_the_commands_make() -> None:
    """Others read the CSV by these names."""
    of_poses = [
        "poses.homogeneity",
        "poses.nmi",
        "poses.pose_azimuth_error.median_deg",
        "poses.pose_azimuth_error.p90_deg",
        "poses.pose_azimuth_error.beyond_90",
        "poses.ring_score",
    ]
    of_views = ["target_pose_accuracy", "psnr", "feature_distance", "colour_distance"]
    assert names(["poses", "evaluate"]) == of_poses
    assert names(["run"]) == [*of_poses, *(f"views.mode.{name}" for name in of_views)]


def test_what_is_asked_for_and_what_is_drawn_are_columns_once() -> None:
    plots = {"a": PlotConfig("x", ["poses.nmi", "views.soft.fd"])}
    assert names(["run"], figures=["poses.nmi"], plots=plots) == ["poses.nmi", "views.soft.fd"]
