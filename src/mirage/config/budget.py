"""How long training may take."""

from __future__ import annotations

from dataclasses import dataclass

from mirage.config.values.checks import require


@dataclass
class BudgetConfig:
    minutes: float | None = None  # for training and refinement; null: as long as the steps take
    # Share of the recipe's steps that fit into them; found when training begins.
    share: float | None = None

    def __post_init__(self) -> None:
        require(
            self.minutes is None or self.minutes > 0,
            "budget.minutes",
            f"{self.minutes} is not positive",
        )
        require(
            self.share is None or 0 < self.share <= 1,
            "budget.share",
            f"{self.share} is not in (0, 1]",
        )

    @property
    def is_open(self) -> bool:
        """Whether steps are still to be fitted to the minutes."""
        return self.minutes is not None and self.share is None
