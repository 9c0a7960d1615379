"""Batches of photos beside views of the same objects that a model made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from mirage.core.contracts import IntArray
from mirage.datamodules.batches import Batches, StepBatches
from mirage.datamodules.labelled import Batch, LabelledImages
from mirage.datamodules.posed import PosedImages
from mirage.datamodules.store import Fetched, Store, open_store

_STREAM = 1  # keeps the draws of pairs apart from those of photos by themselves


@dataclass(frozen=True)
class BackTranslated:
    """Views that a model made of training photos, one each.

    Attributes:
        views: the M views, labelled with what was asked for.
        ids: [M] the photo that each was made of.
        rows: which of the views are learned from.
        noise: what the model would make each view of, as pictures [h, w, C] with the same labels;
            None: it is not known.
    """

    views: LabelledImages
    ids: IntArray
    rows: IntArray
    noise: LabelledImages | None = None


@dataclass(frozen=True)
class PairedBatches(Batches):
    """The batch of a step: posed photos and, as many, pairs of a photo and its view.

    Where mirror images are used, a pair is mirrored as one: what the two show stays one object.

    Attributes:
        alone: the photos by themselves.
        pair: photo and view, row by row of one object, and the view's noise where it is known.
    """

    alone: Batches
    pair: Mapping[str, Batches]

    def fetch(self, step: int) -> tuple[Fetched, dict[str, Fetched]]:
        return self.alone.fetch(step), {name: of.fetch(step) for name, of in self.pair.items()}

    def finish(self, fetched: tuple[Fetched, dict[str, Fetched]]) -> dict[str, Any]:
        """Keys of `Batch`, and pair: photo, view and noise, each a `Batch`."""
        alone, pair = fetched
        found: Batch = self.alone.finish(alone)
        return found | {"pair": {name: self.pair[name].finish(part) for name, part in pair.items()}}


class PairedImages(PosedImages):
    """`PosedImages` whose training batches are half photos by themselves and half pairs."""

    def __init__(self, turned: BackTranslated, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        turned.views.check(self.ring)
        self.turned = turned
        self.batch_size = max(1, self.batch_size // 2)

    @cached_property
    def pair_stores(self) -> dict[str, Store]:
        """The views, and their noise."""
        parts = {"view": self.turned.views, "noise": self.turned.noise}
        return {
            name: open_store(images, self.device, self.gpu_memory)
            for name, images in parts.items()
            if images is not None
        }

    def batches(self) -> PairedBatches:
        """As `PosedImages`, with pairs."""
        views, ids, rows = self.turned.views, self.turned.ids, self.turned.rows

        def draw_views(run: int, places: slice) -> tuple[IntArray, IntArray]:
            rng = np.random.default_rng([self.seed, run, _STREAM])
            drawn = rows[rng.integers(len(rows), size=places.stop - places.start)]
            return drawn, np.zeros_like(drawn)

        def draw_photos(run: int, places: slice) -> tuple[IntArray, IntArray]:
            drawn, column = draw_views(run, places)
            return ids[drawn], column

        photos = StepBatches(self.images, self.store, self.ring, self.share, draw_photos)
        made = {
            name: StepBatches(views, store, self.ring, self.share, draw_views)
            for name, store in self.pair_stores.items()
        }
        return PairedBatches(super().batches(), {"photo": photos, **made})
