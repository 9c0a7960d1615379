"""What `evaluate` leaves in its folder: the names of its files, and what is in them."""

from __future__ import annotations

from typing import Any

from mirage.drawing.tables import Table
from mirage.evaluation.pose_tables import pose_tables
from mirage.evaluation.smoothness import smoothness_tables
from mirage.evaluation.view_tables import view_tables

FIGURES, TABLES, TURNED = "figures.json", "tables.md", "turned"
RELIABILITY, AZIMUTHS = "reliability.png", "azimuths.png"


def reliability_of(figures: dict[str, Any]) -> list[dict[str, float]]:
    """Groups of photos by confidence, of fresh renders or of a table's photos; perhaps none."""
    poses = figures["poses"]
    found: list[dict[str, float]] = poses.get("reliability") or poses.get("truth", {}).get(
        "reliability", []
    )
    return found


def tables_of(figures: dict[str, Any]) -> list[Table]:
    """All that was measured, as tables."""
    turns = smoothness_tables(figures.get("turn"))
    return pose_tables(figures["poses"]) + view_tables(figures) + turns
