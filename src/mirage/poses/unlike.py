"""Photos that show no whole object, or several, are set aside before the circle is sought.

Folders as people collect them have close-ups, engines and two bikes in one photo, and enough of
them hide the circle. Such a photo shows parts where others do not, and what it shows fills it as
others do not. Neither is a sign by itself: views that few photos show are far from the others, too,
and objects seen from near fill the photo. What shows next to nothing of the object, as adverts and
landscapes, is near the middle of all, where no photo of the object is: in many dimensions those lie
in a shell about it.

How far a photo is from the others is told by their covariance, and that of a set that is mixed is
blurred by what does not belong. So it is that of the photos that are closest together: the minimum
covariance determinant (Rousseeuw & Van Driessen 1999), of either part of the descriptors.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mirage.core.contracts import FloatArray
from mirage.poses.circle.curve import even_and_odd
from mirage.poses.description.described import Sampled

_DIMS, _PHOTOS_A_DIM = 60, 10  # coordinates of either part, at most; photos for one, at least
_CLOSE = 0.75  # of the photos, by which the others are judged
_ROUNDS = 10
_RIDGE = 1e-2  # of the mean variance of a coordinate
# Median deviations above the median: of log distances, of sides, of log distances.
_FAR, _LARGE, _MIDDLE = 5.0, 2.0, -3.5


def find_unlike(sample: Sampled) -> npt.NDArray[np.bool_]:
    """[n] bool: photos unlike the others in what they show, that it fills, or that show nothing."""
    if sample.sides is None:
        return np.zeros(len(sample.photos), bool)
    erased = sample.erased()
    distance = _deviations(np.log(distances_to_most(erased.photos, erased.mirrored)))
    is_part = (distance > _FAR) & (_deviations(sample.sides) > _LARGE)
    return np.asarray(is_part | (distance < _MIDDLE))


def distances_to_most(photos: FloatArray, mirrored: FloatArray) -> FloatArray:
    """[n] squared distances from the middle of most photos, in variances of those.

    Args:
        photos, mirrored: [n, D] descriptors of photos and of their mirror images.
    """
    dims = min(_DIMS, max(len(photos) // _PHOTOS_A_DIM, 1))
    even, odd = even_and_odd(photos, mirrored, dims)
    close = np.ones(len(photos), bool)
    for _ in range(_ROUNDS):
        # The mean of odd parts is nought, for mirror images count as well.
        distances = _distances(even - even[close].mean(axis=0), close) + _distances(odd, close)
        closest = distances <= np.quantile(distances, _CLOSE)
        if (closest == close).all():
            break
        close = closest
    return distances


def _distances(points: FloatArray, close: npt.NDArray[np.bool_]) -> FloatArray:
    """[n] of [n, D] points from 0, by the covariance about it of those that are close."""
    covariance = points[close].T @ points[close] / close.sum()
    covariance += (_RIDGE * np.trace(covariance) / len(covariance) + 1e-12) * np.eye(
        len(covariance)
    )
    distances: FloatArray = ((points @ np.linalg.inv(covariance)) * points).sum(axis=1)
    return np.maximum(distances, 1e-12)


def _deviations(values: FloatArray) -> FloatArray:
    """[n] median deviations above the median."""
    above = values - np.median(values)
    return np.asarray(above / max(float(np.median(np.abs(above))), 1e-12))
