"""New starts from a curve on which views of two azimuths may share one place.

The likeliest curve from a first guess often takes views for one another that look alike: front and
rear, or the two sides. Then photos of either kind lie at one place of the curve, and differ from
one another there in a direction that the curve does not explain. So for each of the foremost such
directions, and for some mixtures of them, the photos on one side of it are moved to the azimuth
that they may have been taken for.

Near an end of the circle, 0° or 180°, views differ little from their mirror images, and a curve may
run through its end and back before it goes on: views from either side of the end change places.
What undoes that is to mirror all azimuths about the end, as far as some distance from it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mirage.core.angles import circular_distance, wrap
from mirage.core.contracts import FloatArray

_HARMONICS = 6  # of twice the azimuth, which are the same for both views
_DIRECTIONS, _MIXTURES = 10, 6
_REACHES = (20.0, 35.0, 50.0, 70.0)  # degrees from an end within which views change places


def splits(
    even: FloatArray, odd: FloatArray, azimuth: FloatArray, random: np.random.Generator
) -> Iterator[list[FloatArray]]:
    """Yield new azimuths [n], degrees, in lists: one for each way that views can be confused.

    A view at θ may have been taken for that at 180° − θ, of which a direction of the even part must
    tell it, or for that at θ + 180°, of which a direction of the even or of the odd part can. Near
    an end it may have been taken for that at −θ, and all about it, too.

    Args:
        even, odd: [n, ·] principal coordinates of photos; azimuth: [n] degrees on the curve.
    """
    angle = np.deg2rad(azimuth)
    multiples = 2 * angle[:, None] * np.arange(_HARMONICS)
    evens = _sides(even, np.cos(multiples), random)
    odds = _sides(odd, np.sin(multiples[:, 1:]), random)
    towards = np.rad2deg(np.arcsin(np.clip(np.sin(angle), -1.0, 1.0)))
    yield [wrap(np.where(side, towards, 180.0 - towards)) for side in evens]
    yield [wrap(wrap(azimuth + 90.0) % 180.0 - 90.0 + 180.0 * side) for side in evens]
    yield [wrap(azimuth % 180.0 + 180.0 * side) for side in odds]
    yield [
        wrap(np.where(circular_distance(azimuth, end) <= reach, -azimuth, azimuth))
        for end in (0.0, 180.0)
        for reach in _REACHES
    ]


def _sides(
    points: FloatArray, explained: FloatArray, random: np.random.Generator
) -> list[FloatArray]:
    """[n] bool each: on which side of a direction of what is not explained [n, ·] points lie."""
    rest = points - explained @ np.linalg.lstsq(explained, points, rcond=None)[0]
    rest = rest / (np.sqrt(rest.std(axis=0)) + 1e-9)  # partly whitened, as descriptors are
    foremost = np.linalg.svd(rest, full_matrices=False)[0][:, :_DIRECTIONS]
    # The sign of a singular vector is left to rounding, and mixtures would hang on it.
    foremost = foremost * np.sign((foremost**3).sum(axis=0))
    mixtures = foremost @ random.normal(size=(foremost.shape[1], _MIXTURES))
    return [values > 0 for values in np.concatenate([foremost, mixtures], axis=1).T]
