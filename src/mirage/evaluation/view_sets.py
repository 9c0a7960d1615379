"""Views as a set against photos that were held out: do they look like photos, one with another?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mirage.core.contracts import HELDOUT, FloatArray
from mirage.core.progress import show_progress
from mirage.evaluation.view_cases import Case
from mirage.generation.view_generator import ViewGenerator
from mirage.images.image_set import ImageSet
from mirage.metrics.sets import DISTANCES
from mirage.metrics.views import pool

_HELDOUT_MOST = 2000  # held-out photos that views are compared with
_GROUPS = 20  # of objects, at most, that are left out in turn


@dataclass(frozen=True)
class SetFigure:
    """A distance of all views from held-out photos: whole, and without each group of objects."""

    whole: float
    without: FloatArray

    def __sub__(self, other: SetFigure) -> SetFigure:
        return SetFigure(self.whole - other.whole, self.without - other.without)


def heldout_features(
    images: ImageSet, generator: ViewGenerator, cases: Sequence[Case], seed: int
) -> FloatArray:
    """[M, C] pooled features of held-out photos at the model's resolution, of other objects."""
    ids = images.ids(HELDOUT)
    turned = {case.reference.path for case in cases}
    objects = images.object_id[ids]
    own = {o for o, path in zip(objects, images.path[ids], strict=True) if str(path) in turned}
    others = ids[np.asarray([o not in own for o in objects], bool)]
    kept = np.sort(np.random.default_rng(seed).permutation(others)[:_HELDOUT_MOST])
    size = generator.backbone.config.batch_size
    batches = images.batches(kept, generator.denoiser.resolution, size)
    shown = show_progress(batches, "held-out photos", -(-len(kept) // size))
    pooled = [pool(generator.backbone(photos)) for _, photos in shown]
    return np.concatenate(pooled) if pooled else np.empty((0, generator.backbone.dim))


def set_figures(pooled: FloatArray, heldout: FloatArray) -> dict[str, SetFigure]:
    """Distances of views [O, V, C] from photos [M, C]; none where there are too few of either."""
    if len(heldout) < 2 or pooled.shape[0] * pooled.shape[1] < 2:
        return {}
    count = min(len(pooled), _GROUPS)
    groups = np.arange(len(pooled)) * count // len(pooled)
    rest = [pooled[groups != group] for group in range(count)]
    if any(part.shape[0] * part.shape[1] < 2 for part in rest):
        rest = []  # a single picture has no spread
    return {
        name: SetFigure(
            distance(np.concatenate(pooled), heldout),
            np.asarray([distance(np.concatenate(part), heldout) for part in rest]),
        )
        for name, distance in DISTANCES.items()
    }


def halves_apart(heldout: FloatArray, seed: int) -> dict[str, float]:
    """The distances of one half of the held-out photos [M, C] from the other: how real they are."""
    drawn = np.random.default_rng([seed, 1]).permutation(len(heldout))
    halves = np.array_split(heldout[drawn], 2)
    if min(map(len, halves)) < 2:
        return {}
    return {name: distance(*halves) for name, distance in DISTANCES.items()}
