"""A photo with one plain colour behind its object."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from mirage.core.contracts import ByteArray, FloatArray, check_shape
from mirage.images.decoding.squares import border_colour


def plain_background(photo: ByteArray, silhouette: FloatArray) -> ByteArray:
    """What is not the object, in the median colour of the photo's border.

    Args:
        photo: [H, W, 3] uint8.
        silhouette: [S, S]; above 0.5 is the object. A pixel that the silhouette covers in part is
            mixed by that share.
    """
    check_shape("photo", photo, (None, None, 3))
    object_ = torch.from_numpy(np.asarray(silhouette) > 0.5).float()[None, None]
    size = photo.shape[:2]
    covered = F.interpolate(object_, size, mode="bilinear", antialias=True)[0, 0].numpy()
    mixed = covered[..., None] * photo + (1 - covered[..., None]) * border_colour(photo)
    return np.round(mixed).clip(0, 255).astype(np.uint8)
