"""How the run's photos show their object, which a photo that a person gives is compared with."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from mirage.contracts import TRAIN, FloatArray
from mirage.features.backbone import Backbone
from mirage.images.manifest import ImageSet
from mirage.parts.framing import Frame, border_share, object_frame, usual_frame
from mirage.poses.bank import PoseBank
from mirage.squares import to_square

_LOOKED_AT, _PERCENTILE = 64, 95


class UsualPhotos:
    """A sample of a run's training photos, looked at once and only if somebody asks."""

    def __init__(self, images: ImageSet, backbone: Backbone, bank: PoseBank) -> None:
        self.fit = images.fit
        self._images, self._backbone, self._bank = images, backbone, bank

    @cached_property
    def border_share(self) -> float:
        """What of its border the object of a photo covers at most, but for a few photos."""
        return float(
            np.percentile([border_share(*seen, self.fit) for seen in self._seen], _PERCENTILE)
        )

    @cached_property
    def frame(self) -> Frame | None:
        """Where they have their object; None where none is seen in any."""
        frames = [object_frame(mask) for mask, _ in self._seen]
        found = [frame for frame in frames if frame is not None]
        return usual_frame(found) if found else None

    @cached_property
    def _seen(self) -> list[tuple[FloatArray, tuple[int, int]]]:
        """Masks [h, w] of photos, and their width and height in pixels."""
        ids = self._images.ids(TRAIN)
        chosen = np.random.default_rng(0).permutation(ids)[:_LOOKED_AT]
        photos = [self._images.load(int(i)) for i in chosen]
        batch = self._backbone.config.batch_size
        seen: list[tuple[FloatArray, tuple[int, int]]] = []
        for start in range(0, len(photos), batch):
            some = photos[start : start + batch]
            squares = np.stack([to_square(photo, self._backbone.size, self.fit) for photo in some])
            masks = self._bank.masks(self._backbone(squares)).cpu().numpy()
            seen += [(mask, photo.size) for mask, photo in zip(masks, some, strict=True)]
        return seen
