"""A curve that goes round twice while the object turns once, told from the true one and undone.

On such a fold front and rear share a place. It has twice the harmonics for each degree of the turn,
so where photos change fast it explains them better than the true curve with as many, and the search
ends on it. So it is unfolded, and the two are rated with harmonics enough for either.

Two kinds of object may look like a fold, too: a curve that goes round the one and then round the
other explains more than the true one. But it jumps from kind to kind, and so does not close.
"""

from __future__ import annotations

from mirage.core.angles import wrap
from mirage.poses.circle.agreement import agreement
from mirage.poses.circle.azimuth import read_all
from mirage.poses.circle.closure import measure_closure
from mirage.poses.circle.reader import fit_reader
from mirage.poses.circle.search import Photos, Rated
from mirage.poses.circle.unfold import best_unfolding

_ALIKE = 0.9  # agreement beyond which one curve is the fold of another
# Folds of renders of cars were behind by 3.7 to 4.5; true curves ahead, or behind by 0.15 at most.
_BEHIND = 1.0  # nats a photo that a fold explains worse than what it is a fold of
_CLOSED = 0.9  # closure that what undoes a fold has at least


def undo_fold(photos: Photos, found: Rated, seed: int) -> Rated:
    """The curve, or what it is a fold of."""
    sample = best_unfolding(photos, found.curve.azimuth, seed)
    unfolded = photos.anneal(read_all(photos.descriptors, photos.mirrored, *sample))
    return unfolded if is_fold(photos, found, unfolded) else found


def is_fold(photos: Photos, one: Rated, other: Rated) -> bool:
    """Whether the one curve goes twice round where the other goes once, and the other is right."""
    if agreement(one.curve.azimuth, wrap(2 * other.curve.azimuth)) <= _ALIKE:
        return False
    if photos.fine_rating(other.curve) <= photos.fine_rating(one.curve) + _BEHIND:
        return False
    reader = fit_reader(photos.descriptors, photos.mirrored, other.curve.azimuth)
    return measure_closure(reader, photos.descriptors, photos.mirrored).score >= _CLOSED
