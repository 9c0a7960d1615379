"""Which weights a run turns photos with: its own, or those that were trained before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from mirage.config import Config, ViewsConfig
from mirage.config.changes import changed, differences
from mirage.generation.pretrained import find_pretrained, hash_pretrained
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
    name = config.pretrained
    return Weights(find_pretrained(name), hash_pretrained(name), False)


def as_advised(config: Config, weights: Path) -> Config:
    """With what the weights are best turned with, where the configuration says nothing else.

    A key that was typed says something, also if it says what the default is.
    """
    default = ViewsConfig()
    advised = differences(read_settings(weights), default)
    own = differences(config.views, default)
    wanted = {
        key: value
        for key, value in advised.items()
        if key not in own and not config.was_given(f"views.{key}")
    }
    return replace(config, views=changed(config.views, wanted, "views"))
