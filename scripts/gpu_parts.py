"""The parts of scripts/gpu_check.sh that are no tests and no benchmarks.

    python scripts/gpu_parts.py pack RUN CACHE     what a training needs of RUN, in a small folder
    python scripts/gpu_parts.py export OUT RUN     RUN/model of the weights that a check left in OUT
    python scripts/gpu_parts.py speed | training [CACHE]

The last two write what they find to $GPU_CHECK_RESULT as they find it.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from lightning.pytorch.callbacks import Callback
from PIL import Image
from safetensors.torch import load_file, save_file

import mirage.commands.stages.images as images_stage
from mirage.callbacks.ema import WarmupEMA
from mirage.config import AUTO, Config, ModelConfig
from mirage.config.changes import changed
from mirage.config.load import load_config, save_config
from mirage.core.contracts import HELDOUT, PosedPhoto, PoseLabels, PoseRing
from mirage.core.errors import MirageError
from mirage.datamodules.labelled import LabelledImages
from mirage.datamodules.posed import PosedImages
from mirage.distributed.device import device
from mirage.drawing.panels import contact_sheet
from mirage.generation.pretrained import shipped
from mirage.images.image_set import open_images
from mirage.images.manifest import MANIFEST, SOURCE
from mirage.model.codec import PIXELS, Codec, Latents, Patches
from mirage.model.denoiser import PoseDenoiser
from mirage.model.lit import PoseDiffusion
from mirage.poses.bank import PoseBank
from mirage.poses.bank_file import load_bank
from mirage.poses.labels import read_labels, write_labels
from mirage.runs.folder import (
    BANK_FILE,
    LABELS_FILE,
    SUMMARY_FILE,
    RunFolder,
    hash_of,
    read_json,
    write_json,
)
from mirage.runs.request import Request
from mirage.sampler.export import BANK, export_pipeline
from mirage.sampler.orbit import sample_orbit
from mirage.sampler.targets import ring_azimuths
from mirage.training.checkpoints import LAST, newest_whole
from mirage.training.cost import count_cost, measure_speed
from mirage.training.data import keep_images
from mirage.training.fitting import make_trainer
from mirage.training.recipes import latent_shape
from mirage.training.trainer import load_averaged

REHEARSE = bool(os.environ.get("GPU_CHECK_REHEARSE"))
SECONDS = float(os.environ.get("GPU_CHECK_SECONDS", 120))
OUT = Path(os.environ.get("GPU_CHECK_OUT", "."))
NUM_POSES = 24
WEIGHTS, MOST_PARTS, PART_BYTES = "weights-{}.safetensors", 4, 15 * 2**20
_PACKED = 50 * 10**6  # bytes: what is carried to a machine must be small
_TIMED_SECONDS = 8.0  # of steps, before they count as timed
_SHEET_SECONDS = 25.0  # for the contact sheet and the weights, after training
# Dense bf16 with fp32 sums, TFLOP/s, from the makers' data sheets; others are measured.
PEAKS = {
    "H200": 989,
    "H100 PCIe": 756,
    "H100": 989,
    "A100": 312,
    "L40S": 362,
    "4090": 165,
    "3090": 71,
    "A10G": 70,
    "L4": 121,
}


class Found:
    """What a part finds, written whole whenever something is added."""

    def __init__(self) -> None:
        self.path = os.environ.get("GPU_CHECK_RESULT")
        self.facts: dict[str, Any] = {}

    def add(self, **facts: Any) -> None:
        self.facts |= facts
        print(json.dumps(facts), flush=True)
        if self.path:
            temporary = Path(self.path).with_suffix(".new")
            temporary.write_text(json.dumps(self.facts))
            temporary.replace(self.path)

    def attempt(self, name: str, work: Callable[[], Any]) -> None:
        """Add what `work` finds, or how it failed."""
        try:
            self.add(**{name: work()})
        except Exception as error:
            traceback.print_exc()
            self.add(**{name: f"failed: {type(error).__name__}: {str(error)[:300]}"})
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def has_bf16() -> bool:
    return not torch.cuda.is_available() or torch.cuda.is_bf16_supported(including_emulation=False)


# --- the machine


def machine(found: Found) -> None:
    """What it is, and what it does at best."""
    where = device()
    cuda = where.type == "cuda"
    found.add(torch=torch.__version__, python=sys.version.split()[0], device=where.type)
    if cuda:
        card = torch.cuda.get_device_properties(where)
        found.add(
            name=card.name,
            memory_gb=round(card.total_memory / 1e9, 1),
            bf16=has_bf16(),
            multiprocessors=card.multi_processor_count,
            cuda=torch.version.cuda,
        )
    found.attempt(
        "matmul_tflops",
        lambda: {
            str(dtype).removeprefix("torch."): round(matmul_speed(dtype) / 1e12, 3)
            for dtype in (torch.bfloat16, torch.float32)
        },
    )
    found.attempt("copy_gb_s", lambda: round(copy_speed() / 1e9, 1))
    found.attempt(
        "network_tflops", lambda: round(measure_speed(where, cuda and has_bf16()) / 1e12, 3)
    )


def _time(work: Callable[[], Any], seconds: float = 0.5) -> float:
    """Seconds of one call; the first calls are not timed."""
    for _ in range(2):
        work()
    synchronize()
    count, began = 0, time.perf_counter()
    while count < 2 or time.perf_counter() - began < seconds:
        work()
        synchronize()
        count += 1
    return (time.perf_counter() - began) / count


def synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def matmul_speed(dtype: torch.dtype) -> float:
    """Operations a second of a large square matrix product."""
    side = 8192 if torch.cuda.is_available() else 256
    a, b = (torch.randn(side, side, device=device(), dtype=dtype) for _ in range(2))
    return 2 * side**3 / _time(lambda: a @ b)


def copy_speed() -> float:
    """Bytes a second read and written."""
    count = 2**30 if torch.cuda.is_available() else 2**22
    a = torch.zeros(count, device=device(), dtype=torch.uint8)
    b = torch.empty_like(a)
    return 2 * count / _time(lambda: b.copy_(a))


# --- model FLOPs used


def peak_flops() -> tuple[float, str]:
    """The GPU's peak in bf16 and where it is from."""
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    for known, peak in PEAKS.items():
        if known in name:
            return peak * 1e12, f"data sheet of {known}"
    return matmul_speed(torch.bfloat16), "a matrix product, measured"


def speed() -> None:
    """What the machine does at best, and what share of that a training as `mirage train` uses."""
    found, began = Found(), time.monotonic()
    machine(found)
    peak, source = peak_flops()
    found.add(peak_tflops=round(peak / 1e12, 3), peak_is=source)
    names = ["photos_64", "photos_128", "photos_256", "photos_128_small"]
    # Compiling last: it takes a minute, and may hang.
    variants = [("fp32", False), ("fp32", True)]
    if has_bf16():
        variants = [("bf16", False), ("fp32", False), ("bf16", True)]
    if REHEARSE:
        names, variants = ["photos_128_small"], [("bf16", False)]
    for precision, compiled in variants:
        for name in names:
            what = f"{name} {precision}{' compiled' * compiled}"
            if time.monotonic() - began > SECONDS - (40 if compiled else 15):
                found.add(**{what: "no time left"})
                continue
            config = training_config(name, precision, compiled)
            found.attempt(what, partial(time_training, config, peak))


def training_config(name: str, precision: str, compiled: bool) -> Config:
    config = load_config([f"experiment={name}"])
    if REHEARSE:
        model = ModelConfig(channels=[32, 64], layers_per_block=1, attention_levels=[1])
        data = replace(config.data, resolution=16, batch_size=4)
        config = replace(config, model=model, data=data)
    train = replace(config.train, precision=precision, compile=compiled)
    return replace(config, train=train)


class Clock(Callback):
    """When each step ended, every few steps: waiting for each would slow them."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.ends: list[float] = []

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        if trainer.global_step % self.every == 0:
            synchronize()
            self.ends.append(time.perf_counter())
            spent = self.ends[-1] - self.ends[0]
            trainer.should_stop = len(self.ends) > 3 and spent > _TIMED_SECONDS


def time_training(config: Config, peak: float) -> dict[str, Any]:
    """Of made-up pictures, in memory as those of a run are."""
    steps, every = (4, 1) if REHEARSE else (100, 5)
    size, rows = config.data.resolution, config.data.batch_size
    codec: Codec = PIXELS
    if config.model.autoencoder is not None:  # which training never calls
        factor, channels = latent_shape(config.model, size)
        codec = Latents(None, factor, [0.0] * channels, [1.0] * channels, config.model.sigma_data)
    count, random = 2 * rows, np.random.default_rng(0)
    shape = (count, *codec.grid(size), codec.channels)
    kept = random.integers(0, 2, shape).astype(codec.dtype)
    codec = Patches(codec, config.model.patch)
    pose = random.integers(0, NUM_POSES, count)
    one, azimuth = np.ones(count, np.float32), pose * np.float32(360 / NUM_POSES)
    labels = PoseLabels(pose, one, azimuth, pose[:, None], one[:, None], np.zeros(count, bool))
    ids = np.arange(count)
    data = PosedImages(
        LabelledImages(kept, labels),
        PoseRing(np.arange(NUM_POSES) * 360.0 / NUM_POSES, 1.0),
        ids,
        ids[:1],
        rows,
        0.0,
        steps,
        0,
    )
    denoiser = PoseDenoiser.build(config.model, size, NUM_POSES, codec)
    if config.train.compile:
        denoiser.unet.compile()
    clock = Clock(every)
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    with tempfile.TemporaryDirectory() as scratch:
        make_trainer(
            replace(config.train, steps=steps),
            Path(scratch),
            [WarmupEMA(config.train.ema_decay), clock],
            devices=1,
            limit_val_batches=0,
            logger=False,
            enable_checkpointing=False,
        ).fit(PoseDiffusion(denoiser, config.train), data)
    spans = np.diff(clock.ends)[1 if len(clock.ends) > 3 else 0 :] / every  # the first are warm-up
    rate = rows / float(np.median(spans))
    cost = count_cost(config.model, codec.grid(size)[1], codec.channels)
    memory = torch.cuda.max_memory_allocated() / 1e9 if torch.cuda.is_available() else None
    return {
        "images_per_second": round(rate, 1),
        "tflops": round(rate * cost.flops / 1e12, 4),
        "mfu": round(rate * cost.flops / peak, 4),
        "memory_gb": memory and round(memory, 2),
        "estimated_memory_gb": round(cost.memory_gb(rows, config.train.precision == "bf16"), 2),
    }


# --- a training


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
    path, losses = run / "train" / "metrics.csv", {}
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


def save_weights(denoiser: PoseDenoiser, out: Path) -> list[str]:
    """Names of the files; none where they would be too many."""
    parts: list[dict[str, torch.Tensor]] = [{}]
    size = 0
    for name, value in denoiser.state_dict().items():
        half = value.half().contiguous()
        if size + half.nbytes > PART_BYTES:
            parts.append({})
            size = 0
        parts[-1][name], size = half, size + half.nbytes
    if len(parts) > MOST_PARTS:
        raise ValueError(
            f"{len(parts)} files of weights are more than {MOST_PARTS}: train a smaller network"
        )
    for number, part in enumerate(parts, 1):
        save_file(part, out / WEIGHTS.format(number))
    return [WEIGHTS.format(number) for number in range(1, len(parts) + 1)]


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


# --- what is carried there, and back


_OF_POSES = (BANK_FILE, LABELS_FILE, SUMMARY_FILE, ".stamp.json")


def pack(run: Path, cache: Path) -> None:
    """What a training needs of a run that has its poses: labels, and the photos at its size."""
    config, folder = load_config([f"run={run}"]), RunFolder(run)
    folder.key("poses")
    if config.model.autoencoder is not None:
        raise MirageError(
            "latents cannot be carried without their autoencoder",
            where=str(run),
            todo="pack a run that trains on pixels",
        )
    keep_images(config, folder)
    for name in ("images", "poses"):
        (cache / name).mkdir(parents=True, exist_ok=True)
    for path in folder["images"].iterdir():
        if path.is_file() and path.suffix != ".lock":
            shutil.copyfile(path, cache / "images" / path.name)
    frames = [path.name for path in folder["poses"].glob("frames.*") if path.suffix != ".lock"]
    for name in (*_OF_POSES, *frames):
        shutil.copyfile(folder["poses"] / name, cache / "poses" / name)
    # What trains there is what is packed here: no other recipe is chosen for another machine.
    chosen = "defaults" if config.recipe == AUTO else config.recipe
    save_config(replace(config, run=str(cache), recipe=chosen, given=[]))
    size = sum(path.stat().st_size for path in cache.rglob("*") if path.is_file())
    print(f"{size / 1e6:.1f} MB in {cache}")
    if size > _PACKED:
        print(f"more than {_PACKED / 1e6:.0f} MB: take fewer photos, or a smaller data.resolution")


def unpack(cache: Path, run: Path) -> None:
    """A run that trains without its photos: those held out, which it looks at, are as cached."""
    shutil.copytree(cache, run, dirs_exist_ok=True)
    config = load_config([f"run={run}"])
    manifest, photos = run / "images" / MANIFEST, run.resolve() / "photos"
    table = pq.read_table(manifest)
    names = [f"{i:06d}.png" for i in range(len(table))]
    for column, values in {"path": names, "offset": None, "num_bytes": None, "box": None}.items():
        place = table.column_names.index(column)
        kind = table.schema.field(column).type
        table = table.set_column(place, column, pa.array(values or [None] * len(table), kind))
    pq.write_table(table, manifest)
    photos.mkdir(exist_ok=True)
    (cached,) = (run / "images").glob(f"cache-{config.data.resolution}-*.npy")
    pixels = np.load(cached, mmap_mode="r")
    for i in np.flatnonzero(np.asarray(table["split"]) == HELDOUT):
        Image.fromarray(np.asarray(pixels[i])).save(photos / names[i])
    facts = read_json(run / "images" / SOURCE)
    write_json(run / "images" / SOURCE, facts | {"kind": "folder", "path": str(photos)})


def export(out: Path, run: Path) -> None:
    """RUN/model, as training leaves it, of the weights in OUT; RUN is one that was packed."""
    config, folder = load_config([f"run={run}"]), RunFolder(run)
    bank = load_bank(folder["poses"] / BANK_FILE)
    codec, _, _ = keep_images(config, folder)
    denoiser = PoseDenoiser.build(config.model, config.data.resolution, bank.num_poses, codec)
    state: dict[str, torch.Tensor] = {}
    for path in sorted(out.glob(WEIGHTS.format("*"))):
        state |= load_file(path)
    denoiser.load_state_dict({name: value.float() for name, value in state.items()})
    fit = open_images(folder["images"]).fit
    export_pipeline(denoiser, bank.ring, folder["poses"] / BANK_FILE, folder["model"], fit)
    folder.finish("model", hash_of("checked", out.name))
    print(f"{folder['model']}: `mirage views run={run}` turns photos with it")


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


PARTS: dict[str, Callable[..., None]] = {
    "speed": speed,
    "training": training,
    "pack": pack,
    "export": export,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("folders", type=Path, nargs="*")
    args = parser.parse_args()
    folders = args.folders or ([None] if args.part == "training" else [])
    PARTS[args.part](*folders)


if __name__ == "__main__":
    main()
