"""How much each photo counts where many were taken from nearly one side.

Where photos crowd, a curve that passes through the crowd twice, once for each kind of object in it,
explains more photos better than the true one, and views that few photos show are given up for it.
So photos count the less the more others are as near to them as the typical photo's neighbours are.
"""

from __future__ import annotations

import numpy as np

from mirage import kmeans
from mirage.contracts import FloatArray

_NEIGHBOURS = 20  # of the typical photo
_MOST = 400  # neighbours that are counted
_LEAST = 2  # neighbours, itself one: a lonely photo may be of something else


def crowd_weights(descriptors: FloatArray, mirrored: FloatArray) -> FloatArray:
    """[n] of mean 1: one over the photos and mirror images within a common distance of each.

    Args:
        descriptors, mirrored: [n, D] of n photos and of their mirror images.
    """
    both = np.concatenate([descriptors, mirrored]).astype(np.float32)
    most = min(_MOST, len(both))
    _, distance = kmeans.nearest(descriptors.astype(np.float32), both, num_nearest=most)
    near = np.median(distance[:, min(_NEIGHBOURS, most - 1)])
    weight = 1.0 / np.maximum((distance <= near).sum(axis=1), _LEAST)
    return np.asarray(weight / weight.mean())
