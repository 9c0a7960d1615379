"""A packed run of noise, for a rehearsal on a machine that was sent none."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from packed_run import pack
from PIL import Image

import mirage.commands.stages.images as images_stage
from mirage.config.load import load_config, save_config
from mirage.core.contracts import PoseLabels
from mirage.generation.pretrained import shipped
from mirage.images.image_set import open_images
from mirage.poses.bank_file import load_bank
from mirage.poses.labels import write_labels
from mirage.runs.folder import BANK_FILE, LABELS_FILE, SUMMARY_FILE, RunFolder, write_json
from mirage.runs.request import Request
from mirage.sampler.export import BANK


def make_up(cache: Path) -> Path:
    """A packed run of noise, with the poses of the weights that are shipped, for a rehearsal."""
    run, photos = cache.with_name("noise"), cache.with_name("photos")
    photos.mkdir()
    random = np.random.default_rng(0)
    for i in range(60):
        pixels = random.integers(0, 256, (24, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(photos / f"{i:02d}.png")
    config = load_config(
        [
            "experiment=defaults",
            f"images.path={photos}",
            f"run={run}",
            "data.resolution=16",
            "data.batch_size=4",
            "model.channels=[32,64]",
            "model.layers_per_block=1",
            "model.attention_levels=[1]",
            "train.warmup_steps=1",
            "views.sampler.steps=2",
        ]
    )
    save_config(config)
    folder = RunFolder(run)
    images_stage.run(Request("images", given=config))
    folder["poses"].mkdir()
    shutil.copyfile(shipped()["turntable_cars"] / BANK, folder["poses"] / BANK_FILE)
    images, ring = open_images(folder["images"]), load_bank(folder["poses"] / BANK_FILE).ring
    pose, one = np.arange(len(images)) % ring.num_poses, np.ones(len(images), np.float32)
    labels = PoseLabels(
        pose, one, ring.azimuth[pose], pose[:, None], one[:, None], np.zeros(len(images), bool)
    )
    write_labels(folder["poses"] / LABELS_FILE, [labels], images.path, images.split)
    facts = {"num_images": len(images), "num_poses": ring.num_poses, "ring_score": 1.0}
    write_json(folder["poses"] / SUMMARY_FILE, facts)
    folder.finish("poses", "made-up")
    pack(run, cache)
    return cache
