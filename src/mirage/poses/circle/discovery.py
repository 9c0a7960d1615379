"""Independent discoveries of the circle: the best is kept, the others tell how sure it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mirage.core.angles import align_rings, circular_mean, wrap
from mirage.core.contracts import FloatArray
from mirage.core.progress import show_progress
from mirage.poses.circle.agreement import SAME_CURVE, agreement
from mirage.poses.circle.azimuth import find_azimuths, read_all
from mirage.poses.circle.closure import Closure, measure_closure
from mirage.poses.circle.fold import is_fold, undo_fold
from mirage.poses.circle.reader import CircleReader, CurveReader, fit_reader
from mirage.poses.circle.recombination import recombine
from mirage.poses.circle.search import EVENED, Photos, Rated

_SHARE = 0.75  # of the photos that each discovery sees
_EVENED = (EVENED, 0.0, 1.0)  # how far photos that crowd count less, by discovery
_RIVAL = 0.1  # nats a photo, and a standard error, that a curve may be behind and be as good
_ALIKE = 0.9  # of the photos that a discovery must put near where the best does, to confirm it
_CONFIRMED, _AGAIN = 2, 4  # discoveries that come to the best; how many more there may be till then
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


@dataclass(frozen=True, eq=False)
class _Found:
    """What one search found: a reader of its own share of the photos, and the curve of all."""

    reader: CurveReader
    rated: Rated


def discover_circle(
    descriptors: FloatArray, mirrored: FloatArray, seed: int, num_discoveries: int
) -> Circle | None:
    """The best circle of several discoveries, or None if photos lie on no curve.

    Each discovery starts anew on its own random share of the photos, and has those that crowd count
    less to another degree: where views are uneven a search is lost without that, and where kinds of
    object crowd it is lost with it. All are then carried over to all photos, where they compare.
    What explains them much worse is a search that failed, and does not tell how sure the best is.
    The best is recombined with the others. Until two come to it, there are more; if none does, the
    next best tells how sure it is.

    Args:
        descriptors, mirrored: [n, D] of n photos and of their mirror images.
        num_discoveries: at least 1; the agreement of one alone is 1.
    """
    photos = Photos(descriptors, mirrored, seed)
    found = [
        _discover(photos, seed, index)
        for index in show_progress(range(num_discoveries), "circle", num_discoveries)
    ]
    found = _without_folds(photos, found)
    best = recombine(photos, [each.rated for each in found])
    again = range(num_discoveries, num_discoveries + _AGAIN) if num_discoveries > 1 else ()
    for index in again:
        if photos.gain(best.curve.azimuth) < _GAIN or len(_as_good(best, found)[0]) >= _CONFIRMED:
            break
        found += [
            _discover(photos, seed, index)
            for index in show_progress([index], "circle: a search that confirms it", 1)
        ]
        found = _without_folds(photos, found)
        curves = [each.rated for each in found]
        before = [] if any(is_fold(photos, best, each) for each in curves) else [best]
        best = recombine(photos, [*before, *curves])
    if photos.gain(best.curve.azimuth) < _GAIN:
        return None
    main = fit_reader(descriptors, mirrored, pin_ring(best.curve.azimuth))
    reading = main.azimuths(descriptors)

    def as_main(other: _Found) -> CurveReader:
        aligned = align_rings(other.reader.azimuths(descriptors), reading)
        return other.reader.reoriented(aligned.offset, aligned.direction)

    found.sort(key=lambda each: -each.rated.rating)
    alike, elsewhere = _as_good(best, found)
    rivals = [*alike[1:], *elsewhere]  # the first of those alike is the best itself, or nearest it
    others = rivals or [each for each in found if each not in alike][:1]
    agreed = float(np.mean([_agreement(best, other) for other in others] or [1.0]))
    members, dissenters = (main, *map(as_main, alike[1:])), tuple(map(as_main, elsewhere))
    closure = measure_closure(main, descriptors, mirrored)
    return Circle(CircleReader(members, dissenters), closure, agreed)


def _discover(photos: Photos, seed: int, index: int) -> _Found:
    """One search, on a random share of the photos of its own."""
    descriptors, mirrored, num = photos.descriptors, photos.mirrored, len(photos.descriptors)
    random = np.random.default_rng([seed, index])
    rows = np.sort(random.permutation(num)[: max(int(_SHARE * num), 1)])
    evened = _EVENED[index % len(_EVENED)]
    azimuth = find_azimuths(descriptors[rows], mirrored[rows], seed + index, evened)
    rated = undo_fold(photos, photos.anneal(read_all(descriptors, mirrored, rows, azimuth)), seed)
    # Not of the curve through all photos, as what reads together should err apart; unless that one
    # went elsewhere, for it is by that one that they are taken to read together.
    if agreement(azimuth, rated.curve.azimuth[rows]) < SAME_CURVE:
        azimuth = rated.curve.azimuth[rows]
    return _Found(fit_reader(descriptors[rows], mirrored[rows], azimuth), rated)


def _without_folds(photos: Photos, found: Sequence[_Found]) -> list[_Found]:
    """Those that are not folds of another, which the rating of a search puts behind them."""
    return [
        each
        for each in found
        if not any(is_fold(photos, each.rated, other.rated) for other in found)
    ]


def _as_good(best: Rated, found: Sequence[_Found]) -> tuple[list[_Found], list[_Found]]:
    """Those that explain photos about as well as the best: alike, and with photos elsewhere.

    As well is within one standard error (Breiman et al. 1984, "Classification and Regression
    Trees"), of the difference, since the photos are the same.
    """
    alike, elsewhere = list[_Found](), list[_Found]()
    for each in found:
        behind = best.nats - each.rated.nats
        if float(behind.mean()) <= _RIVAL + float(behind.std()) / len(behind) ** 0.5:
            (alike if _agreement(best, each) >= _ALIKE else elsewhere).append(each)
    return alike, elsewhere


def _agreement(best: Rated, other: _Found) -> float:
    return agreement(best.curve.azimuth, other.rated.curve.azimuth)


def pin_ring(azimuth: FloatArray) -> FloatArray:
    """The ring of photos at [n] degrees whose mean direction lies from 0° to 90°.

    A curve tells neither which of its two ends is 0° nor which way it runs, and rounding would.
    So 0° is the end from which more photos were taken.
    """
    mean = float(circular_mean(azimuth))
    if 90.0 < mean <= 270.0:
        azimuth, mean = azimuth + 180.0, mean - 180.0
    return wrap(azimuth if 0.0 <= mean <= 90.0 else -azimuth)
