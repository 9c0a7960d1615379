"""Settings of the sampler that are compared."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mirage.config.values.checks import a_seed, one_of, positive, require
from mirage.metrics.registry import OF_ROWS


@dataclass
class AblationConfig:
    """Settings of the sampler to compare: a file of experiments/ablation/."""

    name: str = ""  # its table is kept below this name
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)  # name → what it changes of views
    seed: int = 1000  # of fresh turntable objects, other ones than `evaluate` reports on
    objects: int = 12  # fresh objects
    views: int = 8  # views per object
    # Drawn, a panel each.
    figures: list[str] = field(
        default_factory=lambda: [metric.name for metric in OF_ROWS if metric.main]
    )

    def __post_init__(self) -> None:
        positive("ablation", self, "objects", "views")
        a_seed("ablation", self)
        for name in self.figures:
            one_of("ablation.figures", name, [metric.name for metric in OF_ROWS])
        require(
            bool(self.name) or not self.rows,
            "ablation.name",
            "rows without a name",
            "name the ablation: its table is kept below that name",
        )
