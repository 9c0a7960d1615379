"""Settings of views by short names: `views_config(mode="soft", steps=4, pose_guidance=0.0)`."""

from __future__ import annotations

from typing import Any

from mirage.config import ViewsConfig
from mirage.config.changes import changed

_SHORT = {
    "pose_guidance": "guidance.pose.weight",
    "pose_interval": "guidance.pose.interval",
    "hard_guidance": "guidance.hard.weight",
    "hard_interval": "guidance.hard.interval",
    "perturbed_guidance": "guidance.perturbed.weight",
    **{
        name: f"sampler.{name}"
        for name in ("solver", "steps", "sigma_max", "sigma_min", "rho", "precision", "chunk")
    },
}


def views_config(config: ViewsConfig | None = None, **values: Any) -> ViewsConfig:
    """The defaults, or a configuration, with other values."""
    changes = {_SHORT.get(name, name): value for name, value in values.items()}
    return changed(config or ViewsConfig(), changes, "views")
