"""Better curves from two that disagree: each may be right about other photos.

A curve that puts some kinds of object on the wrong half of the circle is found from most starts,
but seldom the same one twice. So two curves exchange photos that they put elsewhere: those at an
end, at both ends, at the sides, or that look alike, and the curve is fitted again. That is a
genetic algorithm (Holland 1975, "Adaptation in Natural and Artificial Systems") of few generations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from mirage.core.contracts import FloatArray
from mirage.distributed.threads import map_in_threads
from mirage.features import kmeans
from mirage.poses.circle.agreement import SAME_CURVE, agreement, lay_on, put_elsewhere
from mirage.poses.circle.search import SAME, Photos, Rated, highest_rated

_PARENTS = 3  # curves that are recombined: the best with each of the others
_GENERATIONS = 3
_KINDS = 4  # clusters of photos that look alike


def recombine(photos: Photos, found: Sequence[Rated]) -> Rated:
    """The best of the curves, or a better one that recombining them comes to.

    Args:
        found: curves through all of `photos`, at least one.
    """
    pool = list(found)
    for _ in range(_GENERATIONS):
        best, *others = _parents(pool)
        starts = [
            start
            for other in others
            for start in exchanges(best.curve.azimuth, other.curve.azimuth, photos.even)
        ]
        if not starts:
            break
        child = highest_rated(map_in_threads(photos.refine, starts))
        pool += [child, photos.anneal(child.curve.azimuth)]
        if highest_rated(pool).rating < best.rating + SAME:
            break
    return highest_rated(pool)


def _parents(pool: Sequence[Rated]) -> list[Rated]:
    """The best of the curves that are not alike."""
    parents: list[Rated] = []
    for rated in sorted(pool, key=lambda rated: -rated.rating):
        azimuth = rated.curve.azimuth
        if all(agreement(each.curve.azimuth, azimuth) < SAME_CURVE for each in parents):
            parents.append(rated)
        if len(parents) == _PARENTS:
            break
    return parents


def exchanges(one: FloatArray, other: FloatArray, looks: FloatArray) -> Iterator[FloatArray]:
    """Yield new azimuths [n], degrees: either curve's, with some photos where the other has them.

    Args:
        one, other: [n] degrees of the same photos, 0 and 180 at views that are their own mirror
            images; what is 0, and which way it runs, may differ.
        looks: [n, D] by which photos are alike.
    """
    elsewhere = np.flatnonzero(put_elsewhere(one, other))
    other = lay_on(one, other)
    if len(elsewhere) < _KINDS:
        return
    looks = looks[elsewhere].astype(np.float32)
    kind, _ = kmeans.assign(looks, kmeans.fit(looks, _KINDS, restarts=3).centroids)
    for own, their in ((one, other), (other, one)):
        ahead = np.cos(np.deg2rad(own[elsewhere]))
        at_ends = np.abs(ahead) > np.sqrt(0.5)
        kinds = [kind == k for k in range(_KINDS)]
        for together in (ahead > 0, ahead <= 0, at_ends, ~at_ends, *kinds):
            changed = own.copy()
            changed[elsewhere[together]] = their[elsewhere[together]]
            yield changed
