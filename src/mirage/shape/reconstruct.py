"""Views → an object: try orbits, fit, and say how far the views agreed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from mirage.core.contracts import FloatArray
from mirage.shape.cameras import OrbitCameras
from mirage.shape.field import VoxelField
from mirage.shape.fit import FitSettings, fit_field
from mirage.shape.render import render_views
from mirage.shape.start import Trial, try_orbits
from mirage.shape.views import ObjectViews

ELEVATIONS = (0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 32.0, 40.0)  # degrees, tried
_RIVALS = 2  # orbits, best by their silhouettes, that a short fit decides between
_AGREE, _ROUGHLY = 0.85, 0.7  # of silhouettes on a solid, before any is corrected


@dataclass(frozen=True)
class Reconstruction:
    """An object, the cameras that it was seen by, and how far the views agreed on it.

    Attributes:
        direction: +1, or −1 where the views' ring runs clockwise seen from above.
        tried: the orbits that were compared, best first.
        silhouette_iou: [V] of the masks with those of the object, in [0, 1].
        colour_error: [V] mean difference of colour where the object is, in [0, 1].
    """

    views: ObjectViews
    field: VoxelField
    cameras: OrbitCameras
    direction: int
    tried: list[Trial]
    silhouette_iou: FloatArray
    colour_error: FloatArray

    @property
    def agreement(self) -> float:
        """Mean silhouette IoU over the views, by their weights."""
        return float(np.average(self.silhouette_iou, weights=self.views.weight))

    @property
    def verdict(self) -> str:
        """In words, by the views as they came: corrections make any views agree better."""
        before = self.tried[0].agreement
        share = f"silhouettes agree to {before:.0%}, corrected to {self.agreement:.0%}"
        if before >= _AGREE:
            return f"good: {share}"
        if before >= _ROUGHLY:
            return f"rough: {share}; expect blurred detail"
        return f"not to be trusted: {share}; the views are not of one object, or not where asked"


def reconstruct(
    views: ObjectViews, settings: FitSettings, device: torch.device | str = "cpu"
) -> Reconstruction:
    """An object from views of it whose azimuths are roughly known, and nothing else.

    Args:
        device: that does the work; what is returned is on the CPU.

    Raises:
        MirageError: the views are too few, empty, or of an arc.
    """
    views = views.usable()
    with torch.device(device):
        return _reconstruct(views, settings)


def _reconstruct(views: ObjectViews, settings: FitSettings) -> Reconstruction:
    """On the default device, where all tensors of `shape/` are made."""
    tried = try_orbits(views, ELEVATIONS)
    brief = replace(settings, voxels=settings.voxels[:1])
    rivals = []
    for trial in tried[:_RIVALS]:
        cameras = OrbitCameras(trial.direction * views.azimuth, trial.elevation)
        field = fit_field(views, cameras, brief)
        rivals.append((judge(views, field, cameras)[0].mean(), trial, cameras))
    _, trial, cameras = max(rivals, key=lambda rival: float(rival[0]))
    field = fit_field(views, cameras, settings)
    overlap, error = judge(views, field, cameras)
    return Reconstruction(views, field.cpu(), cameras.cpu(), trial.direction, tried, overlap, error)


def judge(
    views: ObjectViews, field: VoxelField, cameras: OrbitCameras
) -> tuple[FloatArray, FloatArray]:
    """Silhouette IoU [V] and colour error [V] of a field against the views it is seen in."""
    colour, opacity = render_views(field, cameras, views.masks.shape[1], step=1.0)
    both = np.minimum(opacity, views.masks).sum(axis=(1, 2))
    either = np.maximum(opacity, views.masks).sum(axis=(1, 2))
    wrong = np.abs(colour - views.frames / 255.0 * views.masks[..., None]).mean(axis=3)
    error = (wrong * views.masks).sum(axis=(1, 2)) / views.masks.sum(axis=(1, 2)).clip(1e-6)
    return both / either.clip(1e-6), error


def orbit_cameras(cameras: OrbitCameras, azimuth: FloatArray) -> OrbitCameras:
    """The same orbit at other azimuths (degrees, counter-clockwise), without corrections."""
    others = OrbitCameras(azimuth, float(torch.rad2deg(cameras.elevation.detach())))
    with torch.no_grad():
        others.log_focal.copy_(cameras.log_focal)
        others.shift.copy_(cameras.shift.mean(dim=0).expand(len(azimuth), 2))
        others.log_scale.fill_(float(cameras.log_scale.mean()))
        others.turn.fill_(float(cameras.turn.mean()))
    return others
