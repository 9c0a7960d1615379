"""Where a run's code, photos, labels and model come from, as W&B is told."""

from __future__ import annotations

import subprocess
from dataclasses import asdict
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from mirage.config import Config
from mirage.core.contracts import HELDOUT
from mirage.core.files import hash_file
from mirage.images.image_set import open_images
from mirage.images.manifest import MANIFEST
from mirage.runs.folder import BANK_FILE, LABELS_FILE, SUMMARY_FILE, RunFolder, read_json
from mirage.sampler.export import BANK
from mirage.tracking.artifacts import Bundle
from mirage.tracking.logger import Record
from mirage.tracking.names import AUTOENCODER, EVALUATE, TRAIN, VIEWS


def record_of(config: Config, folder: RunFolder, stage: str) -> Record:
    """How a stage is recorded.

    `train` and `refine` go on in one W&B run each, which `evaluate` joins, unless other runs share
    that training. Poses that are found again, and each call of `views`, are runs of their own.
    """
    code = find_code()
    where, job = folder[stage], stage
    if stage == EVALUATE and (folder["train"] / "wandb").exists() and not folder.is_shared("train"):
        where, job = folder["train"], TRAIN
    return Record(
        where / "wandb",
        folder.root.name,
        TRAIN if stage == "refine" else job,
        asdict(config) | {"provenance": {"code": code, **provenance(config, folder, stage)}},
        config.group or folder.root.name,
        code["commit"],
        resumes=stage in (AUTOENCODER, TRAIN, "refine", EVALUATE),
    )


@cache
def find_code() -> dict[str, Any]:
    """The package's version and, where it runs from a checkout, the commit, and if that changed."""
    commit, changed = None, None
    here = Path(__file__).parents[1]  # the package
    if _git(here, "ls-files", "--error-unmatch", "__init__.py"):  # not some repository around it
        commit = _git(here, "rev-parse", "HEAD")
        changed = bool(_git(here, "status", "--porcelain", "--untracked-files=no"))
    return {"version": metadata.version("mirage-views"), "commit": commit, "changed": changed}


def _git(folder: Path, *words: str) -> str | None:
    """What git says; None where it fails, or there is none."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def provenance(config: Config, folder: RunFolder, stage: str) -> dict[str, Any]:
    """Where photos, labels and, after training, the model come from, as far as they are there."""
    found: dict[str, Any] = {}
    if folder.is_done("images"):
        found["images"] = _of_images(config, folder)
    if folder.is_done("poses"):
        found["poses"] = _of_poses(config, folder)
    if folder.is_done("model") and stage in (VIEWS, EVALUATE):
        bank = hash_file(folder["model"] / BANK)
        found["model"] = {"key": folder.key("model"), "bank": bank, "steps": num_steps(config)}
    return found


def num_steps(config: Config) -> int:
    """Optimizer steps of a run's model, in both parts of training."""
    return config.train.steps + config.refine.steps


def _of_images(config: Config, folder: RunFolder) -> dict[str, Any]:
    images = open_images(folder["images"])
    return {
        "source": config.images.source,
        "path": config.images.path,
        "count": len(images),
        "held_out": len(images.ids(HELDOUT)),
        "rejected": images.num_rejected,
        "manifest": hash_file(folder["images"] / MANIFEST),
    }


def _of_poses(config: Config, folder: RunFolder) -> dict[str, Any]:
    summary = read_json(folder["poses"] / SUMMARY_FILE)
    labels = hash_file(folder["poses"] / LABELS_FILE)
    written = summary.get("labels")
    return {
        "labels": labels,
        "labels_are": "of unknown origin"
        if written is None
        else "found"
        if written == labels
        else "edited",
        "bank": hash_file(folder["poses"] / BANK_FILE),
        "anchors": len(config.poses.anchors),
        "misread": config.data.label_noise,
        **{name: summary[name] for name in ("num_images", "num_poses", "ring_score")},
    }


def poses_bundle(config: Config, folder: RunFolder) -> Bundle:
    """The labels and the bank."""
    poses = folder["poses"]
    settings = {name: asdict(config)[name] for name in ("backbone", "parts", "poses")}
    return Bundle(
        "poses",
        folder.key("poses"),
        {name: poses / name for name in (LABELS_FILE, BANK_FILE)},
        {"images": _of_images(config, folder), **_of_poses(config, folder), **settings},
    )


def model_bundle(folder: RunFolder, key: str) -> Bundle:
    """The exported pipeline.

    Args:
        key: of the model.
    """
    model = folder["model"]
    files = [path for path in sorted(model.rglob("*")) if path.is_file()]
    return Bundle(
        "model",
        key,
        {str(p.relative_to(model)): p for p in files if not p.name.startswith(".")},
        {"bank": hash_file(model / BANK)},
        replaced=True,
    )
