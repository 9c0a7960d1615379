"""A training on a packed run for the time that is left, and a contact sheet of its views."""

from __future__ import annotations

import csv
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from carried_weights import save_weights
from findings import OUT, REHEARSE, SECONDS, Found
from machine import has_bf16, peak_flops
from packed_run import unpack
from rehearsal_run import make_up
from training_speed import time_training

from mirage.config import Config
from mirage.config.changes import changed
from mirage.config.load import load_config, save_config
from mirage.core.contracts import HELDOUT, PosedPhoto
from mirage.distributed.device import device
from mirage.drawing.panels import contact_sheet
from mirage.images.image_set import open_images
from mirage.model.codec import Codec
from mirage.model.denoiser import PoseDenoiser
from mirage.poses.bank import PoseBank
from mirage.poses.bank_file import load_bank
from mirage.poses.labels import read_labels
from mirage.runs.folder import BANK_FILE, LABELS_FILE, RunFolder
from mirage.sampler.orbit import sample_orbit
from mirage.sampler.targets import ring_azimuths
from mirage.training.checkpoints import LAST, newest_whole
from mirage.training.data import keep_images
from mirage.training.trainer import load_averaged

_SHEET_SECONDS = 25.0  # for the contact sheet and the weights, after training


def training(cache: Path | None) -> None:
    """Train on a packed run for the time that is left; again on the same machine, it goes on."""
    found, began = Found(), time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        if cache is None and REHEARSE:
            cache = make_up(Path(scratch) / "made_up")
        if cache is None:
            found.add(training="left out: no CACHE was named")
            return
        run = Path("runs/gpu_check") if not REHEARSE else Path(scratch) / "run"
        unpack(cache, run)
        config = load_config([f"run={run}"])
        config = replace(config, refine=replace(config.refine, steps=0))
        save_config(config)
        timed = replace(
            config, train=replace(config.train, precision="bf16" if has_bf16() else "fp32")
        )
        facts = time_training(timed, peak_flops()[0])
        found.add(rehearsed=facts)
        left = SECONDS - (time.monotonic() - began) - _SHEET_SECONDS * (0.3 if REHEARSE else 1.0)
        rate = facts["images_per_second"] / config.data.batch_size
        steps = max(2, int(0.8 * max(1.0, left - 20) * rate)) if not REHEARSE else 4
        done = _steps_done(run)
        words = [
            f"run={run}",
            f"train.steps={done + steps}",
            f"train.validate_every={max(1, steps // 2)}",
        ]
        found.add(
            photos=len(read_labels(run / "poses" / LABELS_FILE).pose),
            begun_at=done,
            steps=done + steps,
        )
        found.add(ended=_train(words, max(30.0, left)))
        found.add(steps_done=_steps_done(run), **_last_losses(run))
        leave(load_config([f"run={run}"]), RunFolder(run), found)


def _train(words: list[str], seconds: float) -> str:
    """The command itself, told to stop where its time is over: it saves."""
    process = subprocess.Popen([sys.executable, "-m", "mirage.cli", "train", *words])
    try:
        return f"status {process.wait(seconds)}"
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_SHEET_SECONDS / 2)
        except subprocess.TimeoutExpired:
            process.kill()
        return "out of time; saved"


def _steps_done(run: Path) -> int:
    last = run / "train" / LAST
    if not last.exists():
        return 0
    return int(torch.load(last, map_location="cpu", weights_only=True, mmap=True)["global_step"])


def _last_losses(run: Path) -> dict[str, float]:
    path = run / "train" / "metrics.csv"
    losses: dict[str, float] = {}
    if path.exists():
        shutil.copyfile(path, OUT / "metrics.csv")
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                losses |= {k: float(row[k]) for k in ("train_loss", "val_loss") if row[k]}
    return losses


def leave(config: Config, folder: RunFolder, found: Found) -> None:
    """The averaged weights in half precision, in files that may be carried, and a contact sheet."""
    checkpoint = newest_whole(folder["train"])
    if checkpoint is None:
        found.add(weights="none: no checkpoint was written")
        return
    bank = load_bank(folder["poses"] / BANK_FILE)
    codec, kept, _ = keep_images(config, folder)
    denoiser = load_averaged(config, bank.num_poses, checkpoint, codec)
    found.attempt("weights", lambda: save_weights(denoiser, OUT))
    found.attempt("sheet", lambda: _draw(config, folder, denoiser, bank, codec, kept))


def _draw(
    config: Config,
    folder: RunFolder,
    denoiser: PoseDenoiser,
    bank: PoseBank,
    codec: Codec,
    kept: Any,
) -> str:
    labels, ids = (
        read_labels(folder["poses"] / LABELS_FILE),
        open_images(folder["images"]).ids(HELDOUT),
    )
    chosen = ids[np.linspace(0, len(ids) - 1, 1 if REHEARSE else 8).astype(int)]
    few = {"sampler.steps": 2} if REHEARSE else {}
    views = changed(config.views, few, "views")
    orbits = []
    denoiser = denoiser.to(device()).eval()
    for i in chosen:
        pixels = codec.show(codec.load(torch.from_numpy(kept[[i]])).to(device()))[0].cpu().numpy()
        photo = PosedPhoto(pixels, int(labels.pose[i]), float(labels.azimuth[i]))
        azimuths = ring_azimuths(bank.ring, 3 if REHEARSE else 12, photo.azimuth)
        orbits.append(sample_orbit(denoiser, bank.ring, [photo], azimuths, views))
    contact_sheet(orbits).convert("RGB").save(OUT / "sheet.png")
    return "sheet.png"
