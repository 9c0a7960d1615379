"""The circle that photos of a turning object lie on, found with the help of their mirror images.

Neighbouring views make the descriptors a closed curve that mirroring carries onto itself
(`curve.fit_curve`), and the curve tells the right order of the photos from a wrong one by how
likely it makes them. So many curves are tried (`search`), among them that of an object which turns
twice while its outline turns once (`unfold`), and the best of them is kept.
"""

from __future__ import annotations

import numpy as np

from mirage.core.angles import circular_mean
from mirage.core.contracts import FloatArray, IntArray
from mirage.poses.circle.reader import fit_reader
from mirage.poses.circle.recombination import recombine
from mirage.poses.circle.search import EVENED, Photos, first_curves, highest_rated, split_further
from mirage.poses.circle.unfold import best_unfolding

_SAMPLE = 2000  # photos of the search


def find_azimuths(
    descriptors: FloatArray, mirrored: FloatArray, seed: int, evened: float = EVENED
) -> FloatArray:
    """[n] degrees, 0 at a mirror-symmetric view, of the photos on the best closed curve.

    Args:
        descriptors, mirrored: [n, D] of n photos and of their mirror images.
        evened: how far photos that crowd count less: see `crowds.crowd_weights`.
    """
    rows = np.sort(np.random.default_rng(seed).permutation(len(descriptors))[:_SAMPLE])
    photos = Photos(descriptors[rows], mirrored[rows], seed, evened)
    found, outline = first_curves(photos)
    # Where a part of the circle was never photographed, the best curve may wind about twice.
    wound = highest_rated(found).curve.azimuth
    found = [*found, photos.refine(best_unfolding(photos, wound, seed)[1])]
    everything = Photos(descriptors, mirrored, seed, evened)
    along = read_all(descriptors, mirrored, rows, outline)
    unfolded = read_all(descriptors, mirrored, *best_unfolding(everything, along, seed))
    found = [*found, photos.refine(unfolded[rows])]
    best = recombine(photos, split_further(photos, found, seed))
    return read_all(descriptors, mirrored, rows, best.curve.azimuth)


def read_all(
    descriptors: FloatArray, mirrored: FloatArray, rows: IntArray, azimuth: FloatArray
) -> FloatArray:
    """[n] degrees of all photos, from the azimuths of those in `rows`."""
    if len(rows) == len(descriptors):
        return azimuth
    reader = fit_reader(descriptors[rows], mirrored[rows], azimuth)
    return circular_mean(
        np.stack([reader.azimuths(descriptors), -reader.azimuths(mirrored)]), axis=0
    )
