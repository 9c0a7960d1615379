"""Independent discoveries of the circle, and the one that the others agree with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mirage.circle import align_rings
from mirage.contracts import FloatArray
from mirage.images.progress import show_progress
from mirage.poses.azimuth import DIMS, find_azimuths, read_all, refine
from mirage.poses.closure import Closure, measure_closure
from mirage.poses.curve import even_and_odd, fit_curve
from mirage.poses.reader import CircleReader, fit_reader

_SHARE = 0.75  # of the photos that each discovery sees
_GAIN = 3.0  # nats a photo that a curve must explain better than a cloud without one


@dataclass(frozen=True)
class Circle:
    """The curve that photos lie on.

    Attributes:
        reader: reads azimuths.
        closure: whether the curve goes all round.
        score: in [0, 1]: how well it closes, times how far the discoveries agree on where photos
            are: a mug whose handle is hidden has no azimuth to agree on.
    """

    reader: CircleReader
    closure: Closure
    score: float


def discover_circle(
    descriptors: FloatArray, mirrored: FloatArray, seed: int, num_discoveries: int
) -> Circle | None:
    """The circle on which most of several discoveries agree, or None if photos lie on no curve.

    Each discovery starts anew on its own random share of the photos.

    Args:
        descriptors, mirrored: [n, D] of n photos and of their mirror images.
    """
    num = len(descriptors)
    found = []
    for index in show_progress(range(num_discoveries), "circle", num_discoveries):
        random = np.random.default_rng([seed, index])
        rows = np.sort(random.permutation(num)[: max(int(_SHARE * num), 1)])
        azimuth = find_azimuths(descriptors[rows], mirrored[rows], seed + index)
        found.append((rows, azimuth, fit_reader(descriptors[rows], mirrored[rows], azimuth)))
    readings = [reader.azimuths(descriptors) for _, _, reader in found]
    agreement = np.array([[_agreement(a, b) for b in readings] for a in readings])
    best = int(agreement.mean(axis=1).argmax())
    rows, azimuth, _ = found[best]
    even, odd = even_and_odd(descriptors, mirrored, DIMS)
    start = read_all(descriptors, mirrored, rows, azimuth)
    curve = refine(even, odd, start)
    cloud = fit_curve(even[:, :DIMS], odd[:, :DIMS], start, (0,), 1)
    if curve.likelihood - cloud.likelihood < _GAIN:
        return None
    main = fit_reader(descriptors, mirrored, curve.azimuth)
    members = [main]
    for index, (_, _, reader) in enumerate(found):
        if index != best:
            aligned = align_rings(readings[index], readings[best])
            members.append(reader.reoriented(aligned.offset, aligned.direction))
    closure = measure_closure(main, descriptors, mirrored)
    agreed = float(np.clip(agreement[best].mean(), 0.0, 1.0))
    return Circle(CircleReader(tuple(members)), closure, closure.score * agreed)


def _agreement(a: FloatArray, b: FloatArray) -> float:
    """Mean cosine between two readings of the same photos, as well aligned as can be."""
    return float(np.cos(np.deg2rad(align_rings(a, b).error(a, b))).mean())
