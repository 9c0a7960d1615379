"""A curve that goes round twice while the object turns once, told from the true one and undone.

On such a fold front and rear share a place. It has twice the harmonics for each degree of the turn,
so where photos change fast it explains them better than the true curve with as many, and the search
ends on it. So it is unfolded, and the two are rated with harmonics enough for either.

Two kinds of object may look like a fold, too: a curve that goes round the one and then round the
other explains more than the true one. But it jumps from kind to kind, and so does not close.
"""

from __future__ import annotations

from mirage.core.angles import wrap
from mirage.poses.circle.azimuth import read_all
from mirage.poses.circle.closure import Closure, measure_closure
from mirage.poses.circle.likeness import agreement
from mirage.poses.circle.reader import fit_reader
from mirage.poses.circle.search import Photos, Rated
from mirage.poses.circle.unfold import best_unfolding

_ALIKE = 0.9  # agreement beyond which one curve is the fold of another
# Folds of renders of cars were behind by 3.7 to 4.5; true curves ahead, or behind by 0.15 at most.
_BEHIND = 1.0  # nats a photo that a fold explains worse than what it is a fold of


def undo_fold(photos: Photos, found: Rated, seed: int) -> Rated:
    """The curve, or what it is a fold of."""
    sample = best_unfolding(photos, found.curve.azimuth, seed)
    unfolded = photos.anneal(read_all(photos.descriptors, photos.mirrored, *sample))
    is_fold = (
        agreement(found.curve.azimuth, wrap(2 * unfolded.curve.azimuth)) > _ALIKE
        and photos.fine_rating(unfolded.curve) > photos.fine_rating(found.curve) + _BEHIND
        and _closure(photos, unfolded).score >= _closure(photos, found).score
    )
    return unfolded if is_fold else found


def _closure(photos: Photos, rated: Rated) -> Closure:
    reader = fit_reader(photos.descriptors, photos.mirrored, rated.curve.azimuth)
    return measure_closure(reader, photos.descriptors, photos.mirrored)
