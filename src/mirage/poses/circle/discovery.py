"""Independent discoveries of the circle: the best is kept, the others tell how sure it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mirage.core.angles import align_rings, circular_mean, wrap
from mirage.core.contracts import FloatArray
from mirage.core.progress import show_progress
from mirage.poses.circle.azimuth import find_azimuths, read_all
from mirage.poses.circle.closure import Closure, measure_closure
from mirage.poses.circle.reader import CircleReader, fit_reader
from mirage.poses.circle.search import EVENED, Photos

_SHARE = 0.75  # of the photos that each discovery sees
_EVENED = (EVENED, 0.0, 1.0)  # how far photos that crowd count less, by discovery
_RIVAL = 0.8  # nats a photo below the best within which a curve explains photos as well
_NEAR = 30.0  # degrees within which two discoveries put a photo in one place
_GAIN = 3.0  # nats a photo that a curve must explain better than a cloud without one


@dataclass(frozen=True)
class Circle:
    """The curve that photos lie on.

    Attributes:
        reader: reads azimuths.
        closure: whether the curve goes all round.
        agreement: in [0, 1]: the share of photos that others, which explain photos as well, or the
            next best if none does, put near where this one does. A mug whose handle is hidden has
            no azimuth to agree on.
    """

    reader: CircleReader
    closure: Closure
    agreement: float

    @property
    def score(self) -> float:
        """In [0, 1]: how well the curve closes, times the share of photos that is agreed on."""
        return self.closure.score * self.agreement


def discover_circle(
    descriptors: FloatArray, mirrored: FloatArray, seed: int, num_discoveries: int
) -> Circle | None:
    """The best circle of several discoveries, or None if photos lie on no curve.

    Each discovery starts anew on its own random share of the photos, and has those that crowd count
    less to another degree: where views are uneven a search is lost without that, and where kinds of
    object crowd it is lost with it. All are then carried over to all photos, where they compare.
    What explains them much worse is a search that failed, and does not read; how sure the best is
    it tells only if all others failed.

    Args:
        descriptors, mirrored: [n, D] of n photos and of their mirror images.
        num_discoveries: at least 1; the agreement of one alone is 1.
    """
    num = len(descriptors)
    photos = Photos(descriptors, mirrored, seed)
    found, curves = [], []
    for index in show_progress(range(num_discoveries), "circle", num_discoveries):
        random = np.random.default_rng([seed, index])
        rows = np.sort(random.permutation(num)[: max(int(_SHARE * num), 1)])
        evened = _EVENED[index % len(_EVENED)]
        azimuth = find_azimuths(descriptors[rows], mirrored[rows], seed + index, evened)
        found.append(fit_reader(descriptors[rows], mirrored[rows], azimuth))
        curves.append(photos.refine(read_all(descriptors, mirrored, rows, azimuth)))
    best, *others = sorted(range(num_discoveries), key=lambda index: -curves[index].rating)
    curve = curves[best].curve
    if photos.gain(curve.azimuth) < _GAIN:
        return None
    main = fit_reader(descriptors, mirrored, pin_ring(curve.azimuth))
    reading = main.azimuths(descriptors)
    members, agreements = [main], list[float]()
    for index in others:
        is_rival = curves[index].rating > curves[best].rating - _RIVAL
        if is_rival or not agreements:
            other = found[index].azimuths(descriptors)
            aligned = align_rings(other, reading)
            agreements.append(float((aligned.error(other, reading) <= _NEAR).mean()))
        if is_rival:
            members.append(found[index].reoriented(aligned.offset, aligned.direction))
    agreement = float(np.mean(agreements)) if agreements else 1.0
    closure = measure_closure(main, descriptors, mirrored)
    return Circle(CircleReader(tuple(members)), closure, agreement)


def pin_ring(azimuth: FloatArray) -> FloatArray:
    """The ring of photos at [n] degrees whose mean direction lies from 0° to 90°.

    A curve tells neither which of its two ends is 0° nor which way it runs, and rounding would.
    So 0° is the end from which more photos were taken.
    """
    mean = float(circular_mean(azimuth))
    if 90.0 < mean <= 270.0:
        azimuth, mean = azimuth + 180.0, mean - 180.0
    return wrap(azimuth if 0.0 <= mean <= 90.0 else -azimuth)
