"""Poses in order round the circle."""

from __future__ import annotations

import numpy as np

from mirage.core.angles import circular_distance, wrap
from mirage.core.contracts import FloatArray, IntArray, PoseRing


def ring_from_plane(
    points: FloatArray, score: float, span: tuple[float, float] = (0.0, 360.0)
) -> PoseRing:
    """A ring where every pose sits in the direction of its point [K, 2] in the circle's plane."""
    degrees = wrap(np.rad2deg(np.arctan2(points[:, 1], points[:, 0])).astype(np.float32))
    return PoseRing(degrees, score, span)


def ring_from_distances(distances: FloatArray) -> PoseRing:
    """The shortest closed tour through K poses, by the distances [K, K] between them.

    Used where no circle was found among the photos: the order is a best guess, so the score, the
    rank correlation of distance along the tour with distance between poses, counts half.
    """
    order = shortest_tour(distances)
    steps = distances[order, np.roll(order, -1)]
    along = np.concatenate([[0.0], np.cumsum(steps)[:-1]]) / max(float(steps.sum()), 1e-12) * 360.0
    azimuth = np.empty(len(order), np.float32)
    azimuth[order] = along
    upper = np.triu_indices(len(order), 1)
    apart = circular_distance(azimuth[:, None], azimuth[None, :])[upper]
    score = np.corrcoef(_ranks(apart), _ranks(distances[upper]))[0, 1]
    return PoseRing(azimuth % 360.0, float(np.clip(0.5 * np.nan_to_num(score), 0.0, 1.0)))


def shortest_tour(distances: FloatArray) -> IntArray:
    """A short closed tour through all points: nearest neighbour from every start, then 2-opt."""
    tours = [_improve(_greedy_tour(distances, start), distances) for start in range(len(distances))]
    best = min(tours, key=lambda tour: float(distances[tour, np.roll(tour, -1)].sum()))
    return np.roll(best, -int(np.flatnonzero(best == 0)[0]))


def _greedy_tour(distances: FloatArray, start: int) -> IntArray:
    tour, free = [start], set(range(len(distances))) - {start}
    while free:
        tour.append(min(free, key=lambda k: float(distances[tour[-1], k])))
        free.remove(tour[-1])
    return np.asarray(tour)


def _improve(tour: IntArray, distances: FloatArray) -> IntArray:
    """2-opt: reverse stretches of the tour while that shortens it."""
    num, improved = len(tour), True
    while improved:
        improved = False
        for i in range(num - 1):
            for j in range(i + 2, num if i > 0 else num - 1):
                a, b, c, d = tour[i], tour[i + 1], tour[j], tour[(j + 1) % num]
                gain = distances[a, b] + distances[c, d] - distances[a, c] - distances[b, d]
                if gain > 1e-9:
                    tour = np.concatenate([tour[: i + 1], tour[i + 1 : j + 1][::-1], tour[j + 1 :]])
                    improved = True
    return tour


def _ranks(values: FloatArray) -> FloatArray:
    ranks: FloatArray = np.argsort(np.argsort(values)).astype(np.float64)
    return ranks
