"""Runs so small that the whole road takes seconds."""

from __future__ import annotations

import pytest

from mirage.cli import main

# Twelve cars of six views, four poses, a network of 16 px: what all tiny runs have in common.
TINY = [
    "images.source=turntable",
    "images.turntable.objects=12",
    "images.turntable.views=6",
    "images.turntable.workers=1",
    "images.heldout_fraction=0.2",
    "backbone=effnet_lite",
    "backbone.size=64",
    "parts.count=16",
    "poses.count=4",
    "poses.restarts=2",
    "poses.discoveries=1",
    "data.resolution=16",
    "data.batch_size=8",
    "model.channels=[32,64]",
    "model.layers_per_block=1",
    "model.attention_levels=[1]",
    "train.warmup_steps=1",
    "views.sampler.steps=3",
]

# And a training of a few steps, saved after each, and a validation.
BRIEF = ["train.steps=4", "train.checkpoint_minutes=0", "train.validate_every=4"]

# An autoencoder that is trained as briefly.
TINY_AUTOENCODER = [
    f"autoencoder.{word}"
    for word in (
        "size=16",
        "crop=8",
        "channels=[8,8]",
        "layers=[1,1]",
        "batch_size=4",
        "steps=10",
        "warmup_steps=1",
        "validate_every=5",
        "checkpoint_minutes=0",
        "adversarial=0.1",
    )
]


def mirage(*words: str) -> int:
    """Run one command in this process; the status that it ends with."""
    with pytest.raises(SystemExit) as stop:
        main(list(words))
    return int(stop.value.code or 0)
