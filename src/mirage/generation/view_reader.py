"""The bank as it reads a model's views."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image
from torch import Tensor

from mirage.core.contracts import ByteArray, Frame, Framing, PoseLabels
from mirage.distributed.device import device
from mirage.features.backbone import Backbone, load_backbone
from mirage.images.decoding.squares import to_square
from mirage.parts.framing import WHOLE, find_frames, through
from mirage.poses.bank import PoseBank


@dataclass(frozen=True)
class ViewReader:
    """Reads the poses of views; `framing` tells how large they and the bank's photos show it."""

    bank: PoseBank
    backbone: Backbone
    framing: Framing

    @classmethod
    def open(cls, bank: PoseBank, framing: Framing) -> ViewReader:
        """Load the bank's backbone.

        Raises:
            MirageError: its weights are not at hand.
        """
        return cls(bank, load_backbone(bank.backbone, device()), framing)

    def read(self, views: ByteArray) -> PoseLabels:
        """The poses of views [B, H, W, 3] uint8, of any size."""
        return self.look_at(views, self.backbone(views))[0]

    def look_at(self, views: ByteArray, features: Tensor) -> tuple[PoseLabels, list[Frame | None]]:
        """The poses of views of which the backbone's features are known, and their objects.

        What a model frames is smaller than the bank's photos show it, and is looked at closer; the
        frames are of that look too, as the first one's patches are a third of such an object.
        """
        frames = self._find_frames(views, features)
        usual = self.framing.usual
        if self.framing.target is not None and usual is not None:
            windows = [frame.window(usual) if frame else WHOLE for frame in frames]
            closer = np.stack(
                [
                    to_square(Image.fromarray(view), self.backbone.size, "pad", window)
                    for view, window in zip(views, windows, strict=True)
                ]
            )
            features = self.backbone(closer)
            found = self._find_frames(closer, features)
            frames = [f and through(f, window) for f, window in zip(found, windows, strict=True)]
        return self.bank.assign(features), frames

    def _find_frames(self, pictures: ByteArray, features: Tensor) -> list[Frame | None]:
        return find_frames(self.bank.masks(features).cpu().numpy(), pictures)
