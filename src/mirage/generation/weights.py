"""Which weights a run turns photos with: its own, or those that were trained before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from mirage.config import Config, ViewsConfig
from mirage.config.changes import changed, differences
from mirage.core.files import hash_files
from mirage.generation.pretrained import find_pretrained
from mirage.runs.folder import RunFolder
from mirage.sampler.export import read_settings


@dataclass(frozen=True)
class Weights:
    """An exported model.

    Attributes:
        key: a hash of all that it depends on, or of its files.
        own: whether the run trained it.
    """

    folder: Path
    key: str
    own: bool


def find_weights(config: Config, folder: RunFolder) -> Weights:
    """The run's own model; where it has none yet, that of `pretrained`.

    Raises:
        MirageError: there is neither.
    """
    if folder.is_done("model") or config.pretrained is None:
        return Weights(folder["model"], folder.key("model"), True)
    model = find_pretrained(config.pretrained)
    files = sorted(path for path in model.rglob("*") if path.is_file())
    return Weights(model, hash_files(files), False)


def as_advised(config: Config, weights: Path) -> Config:
    """With what the weights are best turned with, where the configuration says nothing else."""
    default = ViewsConfig()
    advised = differences(read_settings(weights), default)
    own = differences(config.views, default)
    views = changed(config.views, {k: v for k, v in advised.items() if k not in own}, "views")
    return replace(config, views=views)
