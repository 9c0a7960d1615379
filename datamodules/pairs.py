"""Batches of photos beside views of the same objects that a model made of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from mirage.core.contracts import IntArray
from mirage.datamodules.batches import Batches, StepBatches
from mirage.datamodules.labelled import LabelledImages
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
    """

    views: LabelledImages
    ids: IntArray
    rows: IntArray


@dataclass(frozen=True)
class PairedBatches(Batches):
    """The batch of a step: posed photos and, as many, pairs of a photo and its view.

    Where mirror images are used, a pair is mirrored as one: what the two show stays one object.

    Attributes:
        alone: the photos by themselves.
        photo, view: row by row of one object.
    """

    alone: Batches
    photo: Batches
    view: Batches

    def fetch(self, step: int) -> dict[str, Fetched]:
        return {name: getattr(self, name).fetch(step) for name in ("alone", "photo", "view")}

    def finish(self, fetched: dict[str, Fetched]) -> dict[str, Any]:
        """Keys of `Batch`, and pair: photo and view, each a `Batch`."""
        found = {name: getattr(self, name).finish(part) for name, part in fetched.items()}
        return found.pop("alone") | {"pair": found}


class PairedImages(PosedImages):
    """`PosedImages` whose training batches are half photos by themselves and half pairs."""

    def __init__(self, turned: BackTranslated, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        turned.views.check(self.ring)
        self.turned = turned
        self.batch_size = max(1, self.batch_size // 2)

    @cached_property
    def view_store(self) -> Store:
        """The views."""
        return open_store(self.turned.views, self.device, self.gpu_memory)

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

        return PairedBatches(
            super().batches(),
            StepBatches(self.images, self.store, self.ring, self.share, draw_photos),
            StepBatches(views, self.view_store, self.ring, self.share, draw_views),
        )
