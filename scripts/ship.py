"""A run's model as it is shipped: weights in bf16, the bank's largest table in 16 bits.

    python scripts/ship.py runs/cars_photos src/mirage/pretrained/cars_photos

The card, README.md, is written by hand; one that is there stays.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from mirage.poses.bank_file import load_bank, save_bank
from mirage.sampler.export import BANK, export_pipeline, load_pipeline, read_settings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("target", type=Path)
    args = parser.parse_args()
    model, target = args.run / "model", args.target
    pipeline = load_pipeline(model)
    card = target / "README.md"
    words = card.read_text() if card.exists() else None
    export_pipeline(
        pipeline.denoiser,
        pipeline.ring,
        model / BANK,
        target,
        pipeline.fit,
        pipeline.framing,
        read_settings(model),
        dtype=torch.bfloat16,
    )
    save_bank(load_bank(model / BANK), target / BANK, small=True)
    if words is not None:
        card.write_text(words)
    total = 0
    for file in sorted(path for path in target.rglob("*") if path.is_file()):
        total += file.stat().st_size
        print(f"{file.stat().st_size / 2**20:8.2f} MiB  {file.relative_to(target)}")
    print(f"{total / 2**20:8.2f} MiB in all → {target}")


if __name__ == "__main__":
    main()
