"""How much each photo counts where many were taken from nearly one side.

Where photos crowd, a curve that passes through the crowd twice, once for each kind of object in it,
explains more photos better than the true one, and views that few photos show are given up for it.
So photos count the less the more others are as near to them as the typical photo's neighbours are.
"""

from __future__ import annotations

import numpy as np

from mirage.core.contracts import FloatArray
from mirage.features import kmeans

_NEIGHBOURS = 20  # of the typical photo
_MOST = 400  # neighbours that are counted
_LEAST = 2  # neighbours, itself one: a lonely photo may be of something else


def crowd_weights(descriptors: FloatArray, mirrored: FloatArray, evened: float) -> FloatArray:
    """[n] of mean 1: how much each photo counts.

    One over the photos and mirror images within a common distance of it, to the power `evened`.

    Args:
        descriptors, mirrored: [n, D] of n photos and of their mirror images.
        evened: 0 for all photos alike, 1 for all places alike.
    """
    if not evened:
        return np.ones(len(descriptors))
    both = np.concatenate([descriptors, mirrored]).astype(np.float32)
    most = min(_MOST, len(both))
    _, distance = kmeans.nearest(descriptors.astype(np.float32), both, num_nearest=most)
    near = np.median(distance[:, min(_NEIGHBOURS, most - 1)])
    weight = np.maximum((distance <= near).sum(axis=1), _LEAST) ** -evened
    return np.asarray(weight / weight.mean())
