"""Averaged weights in half precision, in files that may be carried, and the model made of them."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from mirage.config.load import load_config
from mirage.images.image_set import open_images
from mirage.model.denoiser import PoseDenoiser
from mirage.poses.bank_file import load_bank
from mirage.runs.folder import BANK_FILE, RunFolder, hash_of
from mirage.sampler.export import export_pipeline
from mirage.training.data import keep_images

WEIGHTS, MOST_PARTS, PART_BYTES = "weights-{}.safetensors", 4, 15 * 2**20


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
