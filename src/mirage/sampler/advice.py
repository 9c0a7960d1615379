"""How the weights of a folder are best turned: fields of ViewsConfig that travel with them."""

from __future__ import annotations

from typing import Any

from mirage.config import ViewsConfig
from mirage.config.changes import changed, differences
from mirage.config.renamed import current_name

# Of `ViewsConfig`, what belongs to the weights and travels with them where it is not the default.
_ADVISED = (
    "mode",
    "start",
    "attention",
    "guidance",
    "sampler.steps",
    "sampler.solver",
    "sampler.sigma",
    "sampler.rho",
)


def as_kept(views: ViewsConfig) -> dict[str, Any]:
    """What travels with the weights of these settings, by dotted name."""
    differing = differences(views, ViewsConfig())
    return {name: value for name, value in differing.items() if name.startswith(_ADVISED)}


def as_settings(kept: dict[str, Any] | None) -> ViewsConfig:
    """What was kept, also under names of earlier versions, as settings."""
    names = {name: current_name(f"views.{name}").removeprefix("views.") for name in kept or {}}
    return changed(ViewsConfig(), {names[n]: value for n, value in (kept or {}).items()}, "views")
