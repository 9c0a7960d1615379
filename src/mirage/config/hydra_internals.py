"""What is used of Hydra's that is not public, in one place.

Hydra composes one configuration by its public interface. To lay out the points of a sweep without
running them takes its `Hydra` object and its sweeper's way to split `key=a,b`, which it has no
public names for. Checked with hydra-core 1.3; `tests/config/test_hydra_internals.py` fails where
another version has changed them.
"""

from __future__ import annotations

from collections.abc import Sequence

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.hydra import Hydra
from hydra.core.override_parser.types import Override

__all__ = ["Hydra", "split_points"]


def split_points(overrides: Sequence[Override]) -> list[list[str]]:
    """The words of every combination of overrides that take several values."""
    (points,) = BasicSweeper.split_arguments(list(overrides), None)
    return [list(words) for words in points]
