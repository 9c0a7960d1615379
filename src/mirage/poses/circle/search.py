"""The best closed curve through photos: from many starts, then by splitting what it confuses.

Expectation maximisation stays near where it starts, so it is started from many first guesses
(`initialisation.first_guesses`) and from what else is known, and then from changes to the best so
far (`splits.splits`), until those bring nothing more.

A curve is rated by how well it explains photos that it was not fitted to (`held_out`). A curve that
winds through kinds of object explains those that it was fitted to, too, and often better than the
true one, but not others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mirage.core.contracts import FloatArray
from mirage.distributed.threads import map_in_threads
from mirage.poses.circle import held_out
from mirage.poses.circle.agreement import agreement
from mirage.poses.circle.crowds import crowd_weights
from mirage.poses.circle.curve import START_WIDTH, Curve, even_and_odd, fit_curve
from mirage.poses.circle.initialisation import first_guesses
from mirage.poses.circle.splits import splits

EVENED = 0.5  # how far photos that crowd count less where curves compare
DIMS = 60  # principal coordinates of either part in a full fit
_FIRST_DIMS, _OUTLINE_DIMS, _SPLIT_DIMS = 20, 30, 30  # in a first fit, to the outline, to a split
_PROMISING = 14  # first fits that are refined
_KEPT = 3  # splits of a kind that are refined
_ALIKE = 0.9  # agreement beyond which a split has come back to where it was
_PATIENCE = 3  # curves whose splits bring nothing, before the search ends
SAME = 0.02  # nats within which two curves count as one, or a gain as none
_HARMONICS, _ROUNDS = 10, 15  # of a full fit
_ANNEALS, _IN_VAIN = 10, 4  # times that a curve goes from few harmonics to many; that bring nothing
_NARROW, _WARM = 8.0, 16.0  # degrees that a photo counts for when a fit is refined, or annealed


@dataclass(frozen=True)
class Rated:
    """A curve and how good it is.

    Attributes:
        nats: [n] log density of each photo by a curve that has not seen it, by what it counts.
    """

    curve: Curve
    nats: FloatArray

    @property
    def rating(self) -> float:
        """Nats a photo."""
        return float(self.nats.mean())


class Photos:
    """Descriptors of photos as the search sees them.

    Args:
        descriptors, mirrored: [n, D] of n photos and of their mirror images.
        evened: how far photos that crowd count less: see `crowds.crowd_weights`.
    """

    def __init__(
        self, descriptors: FloatArray, mirrored: FloatArray, seed: int, evened: float = EVENED
    ) -> None:
        self.descriptors, self.mirrored = descriptors, mirrored
        self.even, self.odd = even_and_odd(descriptors, mirrored, held_out.DIMS)
        self.weight = crowd_weights(descriptors, mirrored, evened)  # of photos in a fit
        self._held_out = held_out.HeldOutPhotos(self.even, self.odd, seed)

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
            best = highest_rated((best, rated))
            if idle == _IN_VAIN:
                break
        return best

    def gain(self, start: FloatArray) -> float:
        """Nats a photo that a full curve about `start` explains better than a cloud does.

        All photos count alike: the weights of a cloud make a shell of it, which has room for one.
        """
        even, odd = self.even[:, :DIMS], self.odd[:, :DIMS]
        curve = fit_curve(even, odd, start, (_HARMONICS,), _ROUNDS, _NARROW)
        cloud = fit_curve(even, odd, start, (0,), 1)
        return curve.likelihood - cloud.likelihood

    def rate(self, curve: Curve) -> Rated:
        """How well others at the curve's azimuths explain each photo, by what it counts."""
        return Rated(curve, self.weight * self._held_out.log_density(curve.azimuth))

    def fine_rating(self, curve: Curve) -> float:
        """Nats a photo, as a rating, by twice the harmonics and half the width.

        Not for a search: at this resolution it finds curves that wind through kinds of object.
        """
        harmonics, width = 2 * held_out.HARMONICS, held_out.WIDTH / 2
        nats = self._held_out.log_density(curve.azimuth, harmonics, width)
        return float((self.weight * nats).mean())


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


def split_further(photos: Photos, found: Sequence[Rated], seed: int) -> list[Rated]:
    """The curves `found`, and what splitting the best of them, and so on, comes to."""
    random = np.random.default_rng(seed)
    pool, done, idle = list(found), list[Rated](), 0
    best = highest_rated(pool).rating

    def is_fresh(rated: Rated) -> bool:
        is_better = all(rated.rating > each.rating + SAME for each in done)
        return is_better or not any(_are_alike(rated.curve, each.curve) for each in done)

    while idle < _PATIENCE:
        fresh = list(filter(is_fresh, pool))
        if not fresh:
            break
        base = highest_rated(fresh)
        done.append(base)
        for starts in splits(
            photos.even[:, :DIMS], photos.odd[:, :DIMS], base.curve.azimuth, random
        ):
            quick = map_in_threads(lambda start: photos.fit(start, _SPLIT_DIMS, (5,), 8), starts)
            others = [curve for curve in quick if not _are_alike(base.curve, curve)]
            kept = sorted(map_in_threads(photos.rate, others), key=lambda each: -each.rating)
            pool += map_in_threads(
                lambda each: photos.rate(photos.fit(each.curve.azimuth, DIMS, (5, _HARMONICS), 12)),
                kept[:_KEPT],
            )
        before, best = best, highest_rated(pool).rating
        idle = idle + 1 if best < before + SAME else 0
    return pool


def highest_rated(curves: Sequence[Rated]) -> Rated:
    """The one with the highest rating."""
    return max(curves, key=lambda rated: rated.rating)


def _are_alike(one: Curve, other: Curve) -> bool:
    return agreement(one.azimuth, other.azimuth) > _ALIKE


def _likeliest(curves: Sequence[Curve], num: int) -> list[Curve]:
    return sorted(curves, key=lambda curve: curve.likelihood, reverse=True)[:num]
