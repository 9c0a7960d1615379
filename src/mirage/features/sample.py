"""Which photos a fit looks at."""

from __future__ import annotations

import numpy as np

from mirage.core.contracts import IntArray
from mirage.core.errors import MirageError


def draw_sample(ids: IntArray, num: int, seed: int) -> IntArray:
    """`num` of the ids (all of them if they are fewer), evenly, in random order.

    Decided before any photo is read, so that no other is. The first ids are a sample themselves.

    Raises:
        MirageError: there are no photos.
    """
    if len(ids) == 0:
        raise MirageError("there are no photos to look at", where="poses")
    return np.random.default_rng(seed).choice(ids, min(num, len(ids)), replace=False)
