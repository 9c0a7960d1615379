"""Views of an orbit as what an object is made of."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from mirage.config import ShapeConfig
from mirage.core.angles import circular_distance
from mirage.core.contracts import ByteArray, FloatArray, Orbit
from mirage.generation.view_generator import ViewGenerator
from mirage.parts.orbit_silhouette import find_orbit_silhouettes
from mirage.shape.fit import FitSettings
from mirage.shape.views import ObjectViews

_TOLERANCE = 30.0  # degrees: a view read that far from where it was asked for counts a third


def settings_of(config: ShapeConfig) -> FitSettings:
    """Three grids, each of about three times the voxels of the one before."""
    voxels = tuple(round(config.voxels / 3**stage) for stage in (2, 1, 0))
    return FitSettings(voxels, config.steps, config.rays, seed=config.seed)


def object_views(orbit: Orbit, azimuth_found: FloatArray, generator: ViewGenerator) -> ObjectViews:
    """Views with their masks, and believed as they are of the pose that was asked for.

    Args:
        azimuth_found: [V] degrees that the bank reads in the views.
    """
    astray = circular_distance(azimuth_found, orbit.azimuth)
    masks = find_masks(orbit.frames, generator)
    return ObjectViews(orbit.frames, masks, orbit.azimuth, np.exp(-((astray / _TOLERANCE) ** 2)))


def find_masks(frames: ByteArray, generator: ViewGenerator) -> FloatArray:
    """[V, S, S] the share of each pixel that is the object, of the views of an orbit."""
    coarse = generator.bank.masks(generator.backbone(frames)).cpu().numpy()
    return shrink_masks(find_orbit_silhouettes(coarse, frames), frames.shape[1])


def shrink_masks(silhouettes: FloatArray, side: int) -> FloatArray:
    """[V, S, S] silhouettes → [V, side, side], the share of each pixel that is the object."""
    sharp = torch.from_numpy(silhouettes > 0.5).float()[:, None]
    masks = F.interpolate(sharp, (side, side), mode="bilinear", antialias=True)
    return masks[:, 0].numpy()
