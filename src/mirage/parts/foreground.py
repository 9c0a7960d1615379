"""Object and background, told apart from the photos alone.

Three facts are enough. Photos of one kind of object have background at their border. The object is
what they have in common, so that one linear reading of patch features tells it in all of them. And
where object and background meet, there mostly is an edge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from mirage.core.contracts import ByteArray, FloatArray
from mirage.core.progress import show_progress
from mirage.parts.silhouette import boundary_contrast, enlarge_masks, find_silhouettes

_FIRST_SHARE = 0.4  # of the patches taken for object at first: too many, the rounds make it less
_MAX_ROUNDS = 12
_LEAST_GAIN = 1.02  # a round must raise the contrast at silhouettes by 2% to be kept
_RIDGE = 1e-3  # penalty of the reading's squared slope, over the mean variance of a feature
_SHARPNESS = 8.0  # of the logistic function that makes a reading a mask


@dataclass(frozen=True)
class Foreground:
    """Patch features → mask: a linear reading through a logistic function.

    Attributes:
        slope: [C] by feature.
        threshold: readings above it are the object.
    """

    slope: FloatArray
    threshold: float

    def __call__(self, features: Tensor) -> Tensor:
        """[B, h, w, C] patch features → [B, h, w] in [0, 1], how surely a patch is the object."""
        slope = torch.as_tensor(self.slope, device=features.device, dtype=torch.float32)
        return torch.sigmoid(_SHARPNESS * (features.float() @ slope - self.threshold))


def fit_foreground(features: FloatArray, photos: ByteArray) -> Foreground:
    """Learn from a few hundred photos what the object is.

    At first, a patch is the object as it is far from the border. Then by turns silhouettes are
    found where the reading and the edges of the photos say, and the reading is fitted to them:
    what is wrong in single silhouettes, it averages out. It ends when the silhouettes follow
    edges no better than the round before.

    Args:
        features: [n, h, w, C] patch features.
        photos: [n, H, W, 3] uint8, the photos they are from.
    """
    patches = torch.from_numpy(np.ascontiguousarray(features)).float()
    distance = border_distance(features.shape[1], features.shape[2])
    central = np.broadcast_to(distance, features.shape[:3])
    foreground = _fit_reading(patches, central, _FIRST_SHARE)
    contrast = 0.0
    for _ in show_progress(range(_MAX_ROUNDS), "foreground", _MAX_ROUNDS):
        silhouettes = find_silhouettes(foreground(patches).numpy(), photos)
        found = boundary_contrast(silhouettes, photos)
        if found <= contrast * _LEAST_GAIN:
            break
        contrast = found
        on_object = _pool(silhouettes > 0.5, features.shape[1], features.shape[2])
        foreground = _fit_reading(patches, on_object, float(on_object.mean()))
    return foreground


def border_distance(rows: int, cols: int) -> FloatArray:
    """[h, w] distance of every patch from the border of the photo: 0 at it, 0.5 in the middle."""
    y = (np.arange(rows) + 0.5) / rows
    x = (np.arange(cols) + 0.5) / cols
    near = np.minimum(np.minimum(y, 1 - y)[:, None], np.minimum(x, 1 - x)[None, :])
    low, high = near.min(), near.max()
    scaled: FloatArray = 0.5 * (near - low) / max(high - low, 1e-9)
    return scaled


def _fit_reading(patches: Tensor, labels: FloatArray, share: float) -> Foreground:
    """Ridge regression of labels [n, h, w] on patches; `share` of the photos' area is object."""
    points, target = patches.flatten(0, 2).double(), torch.from_numpy(labels.copy()).flatten()
    centred = points - points.mean(dim=0)
    covariance = centred.T @ centred
    covariance.diagonal().add_(_RIDGE * covariance.diagonal().mean() + 1e-12)
    slope = torch.linalg.solve(covariance, centred.T @ (target - target.mean()).double())
    readings = (patches.double() @ slope).numpy()
    threshold = np.quantile(enlarge_masks(readings), 1.0 - share)
    return Foreground(slope.numpy().astype(np.float32), float(threshold))


def _pool(silhouettes: npt.NDArray[np.bool_], rows: int, cols: int) -> FloatArray:
    """[n, S, S] → [n, rows, cols], the share of every patch that is object."""
    batch = torch.from_numpy(silhouettes)[:, None].double()
    pooled: FloatArray = F.adaptive_avg_pool2d(batch, (rows, cols))[:, 0].numpy()
    return pooled
