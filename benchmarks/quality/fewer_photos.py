"""How good poses are that are found in some of a run's photos.

    python benchmarks/quality/fewer_photos.py RUN TRUTH.csv COUNT [DRAWS]

The run has its images, and the table their true azimuths (docs/poses.md). Of its photos, COUNT are
drawn at random, DRAWS times (5); poses are found in those alone, by the run's settings and another
seed each, and measured on them, once offset and direction are chosen.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from mirage.config.load import load_config
from mirage.distributed.device import device
from mirage.drawing.plots.azimuth_truth import AzimuthTruth, error_figures
from mirage.evaluation.known_azimuths import KnownAzimuths
from mirage.features.backbone import load_backbone
from mirage.images.image_set import open_images
from mirage.poses.description.describe import describe
from mirage.poses.fit import fit_bank
from mirage.runs.folder import RunFolder

_FIGURES = ("median_deg", "p90_deg", "beyond_90")


def main(run: str, table: str, count: str, draws: str = "5") -> None:
    """Print a row for each draw, and their mean."""
    config = load_config([f"run={run}"])
    images, backbone = (
        open_images(RunFolder(Path(run))["images"]),
        load_backbone(config.backbone, device()),
    )
    known = KnownAzimuths.read(Path(table))
    true_of = dict(zip(known.path, known.azimuth, strict=True))
    paths = images.path[:]
    known_ids = np.array([i for i, path in enumerate(paths) if path in true_of])
    print("draw    median    90th    >90°   poses  ring score  mean confidence")
    rows = []
    for draw in range(int(draws)):
        ids = np.sort(np.random.default_rng(draw).permutation(known_ids)[: int(count)])
        true = np.array([true_of[paths[i]] for i in ids])
        parts, poses = replace(config.parts, seed=draw), replace(config.poses, seed=draw)

        def read(wanted, ids=ids):  # type: ignore[no-untyped-def]
            return images.batches(ids[wanted], backbone.size, backbone.config.batch_size)

        with TemporaryDirectory() as work:
            everything = np.arange(len(ids))
            described = describe(read, len(ids), everything, backbone, parts, poses, Path(work))
            sample = described.read_sample()
            bank = fit_bank(sample, backbone.config, described.encoder, poses)
        labels = bank.assign_descriptors(sample.photos, sample.mirrored)
        found = labels.azimuth.astype(float)
        figures = error_figures(AzimuthTruth.compare(found, true[described.sample]).error)
        rows.append([figures[name] for name in _FIGURES])
        told = f"{bank.num_poses:>6}{bank.ring.score:>12.2f}{labels.confidence.mean():>17.2f}"
        _print(str(draw), rows[-1], told)
    _print("mean", np.mean(rows, axis=0).tolist(), "")


def _print(name: str, figures: list[float], told: str) -> None:
    median, ninetieth, beyond = figures
    print(f"{name:<6}{median:>7.1f}°{ninetieth:>7.1f}°{beyond:>8.1%}  {told}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
