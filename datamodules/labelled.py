"""Images beside the poses found for them, and batches of both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mirage.contracts import IntArray, KeptArray, PoseLabels, PoseRing

Batch = dict[str, Tensor]  # image [B, h, w, C] as kept, pose, azimuth (degrees), confidence [B]


@dataclass(frozen=True)
class LabelledImages:
    """Images as the model's codec keeps them, and their poses.

    Attributes:
        pixels: [N, h, w, C], usually a memory map.
        labels: of the same N images.
        flipped: of their mirror images, which double the data; None leaves these out.
        mirrored: [N, h, w, C] the mirror images; None where turning `pixels` round makes them.
    """

    pixels: KeptArray
    labels: PoseLabels
    flipped: PoseLabels | None = None
    mirrored: KeptArray | None = None

    @property
    def mirror_images(self) -> LabelledImages | None:
        """The same images seen in a mirror, where they are in use."""
        if self.flipped is None:
            return None
        turned = self.pixels[:, :, ::-1] if self.mirrored is None else self.mirrored
        return LabelledImages(turned, self.flipped)


def posed_batch(
    images: LabelledImages,
    ring: PoseRing,
    ids: IntArray,
    column: IntArray,
    flip: npt.NDArray[np.bool_] | None = None,
) -> Batch:
    """The images `ids` with the candidate `column` of their soft labels (0: the most likely).

    Args:
        flip: [B] which of them come as mirror images, where these are in use; None: none of them.
    """
    labels, mirror_images = images.labels, images.mirror_images
    pose = labels.topk[ids, column]
    azimuth = np.where(column == 0, labels.azimuth[ids], ring.azimuth[pose])
    batch = {
        "image": torch.from_numpy(images.pixels[ids]),
        "pose": torch.from_numpy(pose.astype(np.int64)),
        "azimuth": torch.from_numpy(azimuth.astype(np.float32)),
        "confidence": torch.from_numpy(labels.confidence[ids].astype(np.float32)),
    }
    if flip is None or mirror_images is None:
        return batch
    mirrored, chosen = posed_batch(mirror_images, ring, ids, column), torch.from_numpy(flip)
    return {
        name: torch.where(chosen.view(-1, *[1] * (value.ndim - 1)), mirrored[name], value)
        for name, value in batch.items()
    }
