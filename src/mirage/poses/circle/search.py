"""The best closed curve through photos: from many starts, then by splitting what it confuses.

Expectation maximisation stays near where it starts, so it is started from many first guesses
(`starts.first_guesses`) and from what else is known, and then from changes to the best so far
(`splits.splits`), until those bring nothing more.

A curve is rated by its likelihood, less what a ridge regression cannot read of it in photos that
it has not seen, and less how far photos at its two ends, 0° and 180°, are from being their own
mirror images. A curve that winds through kinds of object explains photos well, too, but its azimuth
means little; and where many photos were taken from one side, a curve may wind through that side
alone, with front and rear at one end of it and neither at the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mirage.core.angles import circular_distance
from mirage.core.contracts import FloatArray
from mirage.distributed.threads import map_in_threads
from mirage.poses.circle.crowds import crowd_weights
from mirage.poses.circle.curve import START_WIDTH, Curve, even_and_odd, fit_curve
from mirage.poses.circle.held_out import HeldOutRidge
from mirage.poses.circle.initialisation import first_guesses
from mirage.poses.circle.splits import splits

EVENED = 0.5  # how far photos that crowd count less where curves compare
DIMS = 60  # principal coordinates of either part in a full fit
_FIRST_DIMS, _OUTLINE_DIMS, _SPLIT_DIMS = 20, 30, 30  # in a first fit, to the outline, to a split
_PROMISING = 14  # first fits that are refined
_KEPT = 2  # splits of a kind that are refined
_PATIENCE = 3  # curves whose splits bring nothing, before the search ends
_SAME = 0.02  # nats within which two curves count as one, or a gain as none
_HARMONICS, _ROUNDS = 10, 15  # of a full fit
_ANNEALS, _IN_VAIN = 10, 4  # times that a curve goes from few harmonics to many; that bring nothing
_NARROW, _WARM = 8.0, 16.0  # degrees that a photo counts for when a fit is refined, or annealed
_UNREADABLE = 15.0  # nats a photo that a curve of which nothing can be read loses
_LOPSIDED = 15.0  # nats a photo that it loses if photos at an end are no more symmetric than others
_END, _AT_END = 6.0, 8  # degrees from an end that photos count as at it; or so many, the nearest
_UNSEEN = 25.0  # degrees from an end within which there are fewer, if nobody photographed it


@dataclass(frozen=True)
class Rated:
    """A curve and how good it is, in nats a photo."""

    curve: Curve
    rating: float


class Photos:
    """Descriptors of photos as the search sees them.

    Args:
        descriptors, mirrored: [n, D] of n photos and of their mirror images.
        dims: principal coordinates that are kept, of which the search uses the first.
        evened: how far photos that crowd count less: see `crowds.crowd_weights`.
    """

    def __init__(
        self,
        descriptors: FloatArray,
        mirrored: FloatArray,
        seed: int,
        dims: int = DIMS,
        evened: float = EVENED,
    ) -> None:
        self.descriptors, self.mirrored = descriptors, mirrored
        self.even, self.odd = even_and_odd(descriptors, mirrored, dims)
        self.weight = crowd_weights(descriptors, mirrored, evened)  # of photos in a fit
        self._seed = seed

    @cached_property
    def _ridge(self) -> HeldOutRidge:
        return HeldOutRidge(self.descriptors, self.mirrored, self._seed)

    def fit(
        self,
        start: FloatArray,
        dims: int,
        harmonics: Sequence[int],
        rounds: int,
        width: float = START_WIDTH,
    ) -> Curve:
        """`fit_curve` to the first `dims` coordinates of either part."""
        even, odd = self.even[:, :dims], self.odd[:, :dims]
        return fit_curve(even, odd, start, harmonics, rounds, width, self.weight)

    def refit(self, start: FloatArray) -> Curve:
        """The full curve about the azimuths `start` [n], degrees."""
        return self.fit(start, DIMS, (_HARMONICS,), _ROUNDS, _NARROW)

    def refine(self, start: FloatArray) -> Rated:
        """The full curve about the azimuths `start` [n], degrees, and how good it is."""
        return self.rate(self.refit(start))

    def anneal(self, start: FloatArray) -> Rated:
        """The best full curve that fits from few harmonics to many come to, again and again.

        A curve that runs too fast in one place and too slow in another is as a whole the right one,
        and bends as a whole only while it has few harmonics.
        """
        best = rated = self.refine(start)
        idle = 0
        for _ in range(_ANNEALS):
            curve = self.fit(rated.curve.azimuth, DIMS, (3, 5, _HARMONICS), 12, _WARM)
            rated = self.rate(curve)
            idle = 0 if rated.rating > best.rating else idle + 1
            best = max(best, rated, key=lambda each: each.rating)
            if idle == _IN_VAIN:
                break
        return best

    def gain(self, start: FloatArray) -> float:
        """Nats a photo that a full curve about `start` explains better than a cloud does.

        All photos count alike: the weights of a cloud make a shell of it, which has room for one.
        """
        curve = fit_curve(self.even, self.odd, start, (_HARMONICS,), _ROUNDS, _NARROW)
        cloud = fit_curve(self.even, self.odd, start, (0,), 1)
        return curve.likelihood - cloud.likelihood

    def rate(self, curve: Curve) -> Rated:
        """The rating of a full curve."""
        unread = 1.0 - self._ridge.score(curve.azimuth)
        lost = _UNREADABLE * unread**2 + _LOPSIDED * self.lopsidedness(curve.azimuth) ** 2
        return Rated(curve, curve.likelihood - lost)

    def lopsidedness(self, azimuth: FloatArray) -> float:
        """Least where photos at 0° and at 180° are their own mirror images; about 1 if none are.

        What a photo and its mirror image differ by, squared, over that of all photos: the median at
        either end, and of the two ends the greater. An end that an arc leaves out does not count.
        """
        energy = (self.odd[:, :DIMS] ** 2).sum(axis=1)
        ends = []
        for end in (0.0, 180.0):
            distance = circular_distance(azimuth, end)
            reach = max(_END, float(np.sort(distance)[:_AT_END][-1]))
            if reach <= _UNSEEN:
                ends.append(np.median(energy[distance <= reach]))
        return float(max(ends, default=0.0) / energy.mean())


def first_curves(photos: Photos) -> tuple[list[Rated], FloatArray]:
    """Full curves from the most promising first guesses, and [n] degrees along the outline.

    The outline's curve has few harmonics, and is folded where the outline is.
    """
    guesses = list(first_guesses(photos.descriptors, photos.mirrored, photos.even, photos.odd))
    first = map_in_threads(lambda start: photos.fit(start, _FIRST_DIMS, (3, 5), 10), guesses)
    outlines = map_in_threads(lambda start: photos.fit(start, _OUTLINE_DIMS, (3,), 15), guesses)
    detailed = map_in_threads(
        lambda curve: photos.fit(curve.azimuth, DIMS, (7, 10, 7), 8, _NARROW),
        _likeliest(first, _PROMISING),
    )
    refined = map_in_threads(lambda curve: photos.refine(curve.azimuth), detailed)
    return refined, _likeliest(outlines, 1)[0].azimuth


def split_further(photos: Photos, found: Sequence[Rated], seed: int) -> FloatArray:
    """[n] degrees: the best curve that splitting the best of `found`, and so on, comes to."""
    random = np.random.default_rng(seed)
    pool, done, idle = list(found), np.empty(0), 0
    best = max(rated.rating for rated in pool)
    while idle < _PATIENCE:
        fresh = [rated for rated in pool if np.all(np.abs(done - rated.rating) > _SAME)]
        if not fresh:
            break
        base = max(fresh, key=lambda rated: rated.rating)
        done = np.append(done, base.rating)
        for starts in splits(
            photos.even[:, :DIMS], photos.odd[:, :DIMS], base.curve.azimuth, random
        ):
            quick = map_in_threads(lambda start: photos.fit(start, _SPLIT_DIMS, (5,), 8), starts)
            pool += map_in_threads(
                lambda curve: photos.rate(photos.fit(curve.azimuth, DIMS, (5, _HARMONICS), 12)),
                _likeliest(quick, _KEPT),
            )
        before, best = best, max(rated.rating for rated in pool)
        idle = idle + 1 if best < before + _SAME else 0
    return max(pool, key=lambda rated: rated.rating).curve.azimuth


def _likeliest(curves: Sequence[Curve], num: int) -> list[Curve]:
    return sorted(curves, key=lambda curve: curve.likelihood, reverse=True)[:num]
