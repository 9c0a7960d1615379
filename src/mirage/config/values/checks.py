"""What refuses a value that cannot be, naming its key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mirage.config.values.choices import CHOICES
from mirage.core.errors import MirageError


def require(condition: bool, key: str, problem: str, todo: str = "") -> None:
    if not condition:
        raise MirageError(problem, where=f"configuration key {key}", todo=todo)


def one_of(key: str, value: str, choices: Sequence[str] = ()) -> None:
    choices = choices or CHOICES[key]
    require(value in choices, key, f"{value!r} is not a choice", f"use one of {', '.join(choices)}")


def positive(section: str, config: Any, *names: str) -> None:
    for name in names:
        value = getattr(config, name)
        require(value > 0, f"{section}.{name}", f"{value} is not positive")


def a_seed(section: str, config: Any) -> None:
    seed = config.seed
    require(0 <= seed < 2**32, f"{section}.seed", f"{seed} is not a number from 0 to 2³² − 1")
