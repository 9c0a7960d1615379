"""A callback of a person's own: it is given a list, and has a state."""

from __future__ import annotations

from typing import Any

from lightning.pytorch.callbacks import Callback


class CountBatches(Callback):
    """Counts batches; its state holds what it was given, as many callbacks' do."""

    def __init__(self, of: list[int]) -> None:
        self.of, self.count = of, 0

    def on_train_batch_end(self, *_: Any) -> None:
        self.count += 1

    def state_dict(self) -> dict[str, Any]:
        return {"of": self.of, "count": self.count}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.count = state_dict["count"]
