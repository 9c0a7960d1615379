"""Poses in order round the circle."""

from __future__ import annotations

import numpy as np

from mirage.contracts import FloatArray, IntArray, PoseRing


def circular_mean(
    degrees: FloatArray, weight: FloatArray | None = None, axis: int = -1
) -> FloatArray:
    """The direction of the mean of unit vectors, degrees in [0, 360)."""
    radians = np.deg2rad(degrees)
    weight = np.ones_like(radians) if weight is None else weight
    sine, cosine = (weight * np.sin(radians)).sum(axis), (weight * np.cos(radians)).sum(axis)
    mean: FloatArray = np.rad2deg(np.arctan2(sine, cosine)) % 360.0
    return mean


def circular_difference(a: FloatArray, b: FloatArray) -> FloatArray:
    """a − b on the circle, degrees in [−180, 180)."""
    difference: FloatArray = (np.asarray(a) - np.asarray(b) + 180.0) % 360.0 - 180.0
    return difference


def ring_from_plane(points: FloatArray, score: float) -> PoseRing:
    """A ring where every pose sits in the direction of its point [K, 2] in the circle's plane."""
    degrees = np.rad2deg(np.arctan2(points[:, 1], points[:, 0])) % 360.0
    return PoseRing(degrees.astype(np.float32) % np.float32(360.0), score)


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
    apart = np.abs(circular_difference(azimuth[:, None], azimuth[None, :]))[upper]
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
