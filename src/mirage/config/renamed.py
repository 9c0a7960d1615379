"""Keys of earlier versions, and what became of them."""

from __future__ import annotations

from typing import Any

_SAMPLER = ("solver", "steps", "sigma_max", "sigma_min", "rho", "precision", "chunk")
RENAMED = {
    "train.checkpoint_every": "train.checkpoint_minutes",
    "poses.front": "poses.anchors",
    "data.misread": "data.label_noise",
    "views.reference_path": "views.noise",
    "views.share": "views.attention",
    "views.pose_guidance": "views.guidance.pose.weight",
    "views.pose_interval": "views.guidance.pose.interval",
    "views.hard_guidance": "views.guidance.hard.weight",
    "views.hard_interval": "views.guidance.hard.interval",
    "views.perturbed_guidance": "views.guidance.perturbed.weight",
    "views.perturbed_interval": "views.guidance.perturbed.interval",
    **{f"views.{name}": f"views.sampler.{name}" for name in _SAMPLER},
}
_NEVER_HELPED = "leave it out: it never helped (docs/ablations.md)"
REMOVED = {
    "data.workers": "leave it out: batches are made ready by a thread",
    **dict.fromkeys(
        (
            f"views.{name}"
            for name in (
                "share_sides",
                "share_interval",
                "share_foreground",
                "share_guidance",
                "share_guidance_interval",
                "previous",
                "refine",
                "refine_sigma",
                "hard_temperature",
                "hard_best",
                "weak_guidance",
                "weak_interval",
                "weak_model",
            )
        ),
        _NEVER_HELPED,
    ),
}
# Whose values mean what the new key's do; of the others the run's own are dropped.
_MEANS_THE_SAME = [old for old in RENAMED if old.startswith(("views.", "data."))]
_VALUES = {"fixed_noise": "fixed", "auto": "inversion"}  # of views.reference_path


def what_became_of(key: str) -> str | None:
    """What to do in place of an earlier version's key; None of a key that never was."""
    if key in RENAMED:
        return f"use {RENAMED[key]}"
    return REMOVED.get(key)


def current_name(key: str) -> str:
    """The name of an earlier version's key now; of any other the same."""
    return RENAMED.get(key, key)


def modernise(own: Any) -> None:
    """Give a run's configuration of an earlier version the keys of this one, in place."""
    front = own.get("poses", {}).pop("front", None)
    if front is not None:  # a pose that was put at the front, before there were anchors
        own.poses.anchors = {front: 0.0}
    from omegaconf import OmegaConf

    for old in _MEANS_THE_SAME:
        value = _pop(own, old)
        if (value is not None and not OmegaConf.is_config(value)) or OmegaConf.is_list(value):
            value = _VALUES.get(value, value) if old == "views.reference_path" else value
            OmegaConf.update(own, RENAMED[old], value)
    for old in (*RENAMED, *REMOVED):
        if old not in _MEANS_THE_SAME:
            _pop(own, old)


def _pop(own: Any, key: str) -> Any:
    section, _, name = key.rpartition(".")
    of = own.get(section)  # no key of an earlier version is nested deeper
    return None if of is None else of.pop(name, None)
