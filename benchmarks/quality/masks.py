"""Masks of an orbit's views against the true ones, on turntable cars: alone, and together.

    python benchmarks/quality/masks.py --run runs/demo [--cars 6] [--size 32]

Every car is rendered from all round before one backdrop, as a model's orbit shows it. Printed is
the intersection over union with the renders' own masks, a mean over the views, by masks of single
views (`parts/silhouette.py`) and of the whole orbit (`parts/orbit_silhouette.py`).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
import torch._dynamo

from mirage.core.contracts import FloatArray
from mirage.generation.object_views import shrink_masks
from mirage.generation.view_generator import ViewGenerator
from mirage.images.turntable.cars import CarDesign
from mirage.images.turntable.objects import sample_objects
from mirage.images.turntable.pictures import studio_of
from mirage.parts.orbit_silhouette import find_orbit_silhouettes
from mirage.parts.silhouette import find_silhouettes

_VIEWS = 24


def main() -> None:
    """Print a line a car, and the means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True, help="a run with a model")
    parser.add_argument("--cars", type=int, default=6)
    parser.add_argument("--size", type=int, default=32, help="of the renders, pixels")
    parser.add_argument("--seed", type=int, default=11)
    given = parser.parse_args()
    torch.set_num_threads(1)
    generator = ViewGenerator.open(given.run / "model")
    rows = []
    for spec in sample_objects("cars", given.cars, given.seed, "evaluate"):
        studio = studio_of(spec, given.size)
        shots = [studio.shoot(spec.scene, float(a)) for a in np.arange(_VIEWS) * 360.0 / _VIEWS]
        frames, true = (np.stack(part) for part in zip(*shots, strict=True))
        coarse = generator.bank.masks(generator.backbone(frames)).cpu().numpy()
        found = (find_silhouettes(coarse, frames), find_orbit_silhouettes(coarse, frames))
        rows.append([overlap(shrink_masks(masks, given.size), true) for masks in found])
        assert isinstance(spec.design, CarDesign)
        print(
            f"{spec.design.style}: alone {rows[-1][0]:.3f}, together {rows[-1][1]:.3f}", flush=True
        )
    alone, together = np.mean(rows, axis=0)
    print(f"mean of {len(rows)} cars: alone {alone:.3f}, together {together:.3f}")


def overlap(found: FloatArray, true: FloatArray) -> float:
    """Intersection over union of masks [V, S, S], the mean over views."""
    both, either = np.minimum(found, true).sum((1, 2)), np.maximum(found, true).sum((1, 2))
    return float((both / either).mean())


if __name__ == "__main__":
    main()
