"""What a person's half minute is worth: poses of a run at the azimuths that a table gives them.

    python benchmarks/quality/anchors.py RUN TRUTH.csv [COUNT …]

The run has its poses, and the table the true azimuths of its photos (docs/poses.md). Some poses of
one half of the ring, evenly spaced, are given the median azimuth of their photos, as a person would
who looks at them; a pose that is its own mirror image is given 0° or 180°. Then all photos are
measured: as found and re-timed, once offset and direction are chosen.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from mirage.core.angles import circular_difference, circular_distance, wrap
from mirage.core.contracts import FloatArray, IntArray
from mirage.drawing.plots.azimuth_truth import AzimuthTruth, error_figures
from mirage.evaluation.known_azimuths import KnownAzimuths
from mirage.images.image_set import open_images
from mirage.poses.anchors import place_anchors
from mirage.poses.bank_file import load_bank
from mirage.poses.labels import read_labels
from mirage.runs.folder import BANK_FILE, LABELS_FILE, RunFolder

_FEWEST = 20  # photos of a pose that a median is taken of


def main(run: str, table: str, *counts: str) -> None:
    """Print a row for each number of anchors."""
    folder = RunFolder(Path(run))
    bank = load_bank(folder["poses"] / BANK_FILE)
    labels = read_labels(folder["poses"] / LABELS_FILE)
    known = KnownAzimuths.read(Path(table))
    row_of = {path: row for row, path in enumerate(known.path)}
    paths = open_images(folder["images"]).path[:]
    ids = np.array([i for i, path in enumerate(paths) if path in row_of])
    true = known.azimuth[[row_of[paths[i]] for i in ids]]
    found, pose = labels.azimuth[ids].astype(float), labels.pose[ids]
    assert bank.circle is not None and bank.ring.closed, "anchors want a full circle"
    axis = float(bank.circle.members[0].azimuth[0])
    ring = wrap(bank.ring.azimuth - axis)
    print("anchors   median   90th    >30°    >90°   poses")
    _print("none", found, true, "")
    for count in map(int, counts or ("4", "8")):
        anchors = _anchors(ring, bank.mirror, pose, true, count)
        offset, direction, timing = place_anchors(ring, anchors)
        turned = wrap(offset + direction * (found - axis))
        timed = turned if timing is None else timing(turned)
        _print(str(count), timed, true, str({k: round(v) for k, v in anchors.items()}))


def _anchors(
    ring: FloatArray, mirror: IntArray, pose: IntArray, true: FloatArray, count: int
) -> dict[int, float]:
    """Pose → degrees, of `count` poses nearest to even places of the half circle."""
    seen = np.bincount(pose, minlength=len(ring)) >= _FEWEST
    anchors = {}
    for place in np.arange(count) * (180.0 / count):
        nearest = np.where(seen, circular_distance(ring, place), np.inf)
        chosen = int(np.argmin(nearest))
        around = np.exp(1j * np.deg2rad(true[pose == chosen]))
        middle = np.rad2deg(np.angle(around.mean()))
        median = middle + np.median(circular_difference(true[pose == chosen], middle))
        if mirror[chosen] == chosen:
            median = 0.0 if circular_distance(median, 0.0) < 90.0 else 180.0
        anchors[chosen] = float(wrap(median))
    return anchors


def _print(name: str, found: FloatArray, true: FloatArray, poses: str) -> None:
    figures = error_figures(AzimuthTruth.compare(found, true).error)
    print(
        f"{name:<9}{figures['median_deg']:>6.1f}°{figures['p90_deg']:>7.1f}°"
        f"{figures['beyond_30']:>8.1%}{figures['beyond_90']:>8.2%}   {poses}"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
