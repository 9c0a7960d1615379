"""What a part of the check is told by it, and what the part finds, kept as it is found."""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

REHEARSE = bool(os.environ.get("GPU_CHECK_REHEARSE"))
SECONDS = float(os.environ.get("GPU_CHECK_SECONDS", 120))
OUT = Path(os.environ.get("GPU_CHECK_OUT", "."))


class Found:
    """What a part finds, written whole whenever something is added."""

    def __init__(self) -> None:
        self.path = os.environ.get("GPU_CHECK_RESULT")
        self.facts: dict[str, Any] = {}

    def add(self, **facts: Any) -> None:
        self.facts |= facts
        print(json.dumps(facts), flush=True)
        if self.path:
            temporary = Path(self.path).with_suffix(".new")
            temporary.write_text(json.dumps(self.facts))
            temporary.replace(self.path)

    def attempt(self, name: str, work: Callable[[], Any]) -> None:
        """Add what `work` finds, or how it failed."""
        try:
            self.add(**{name: work()})
        except Exception as error:
            traceback.print_exc()
            self.add(**{name: f"failed: {type(error).__name__}: {str(error)[:300]}"})
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
