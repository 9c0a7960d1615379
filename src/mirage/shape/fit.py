"""Fits a field, and the cameras that it was seen by, to views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mirage.core.progress import counting
from mirage.shape.cameras import OrbitCameras
from mirage.shape.field import VoxelField
from mirage.shape.render import pixel_places, render_rays
from mirage.shape.start import start_field
from mirage.shape.views import ObjectViews

_ROBUST = 0.1  # difference of colour or opacity from which on the loss grows linearly
_SPREAD = 1.0  # step between samples on a ray, voxels


@dataclass(frozen=True)
class FitSettings:
    """How a field is fitted.

    Attributes:
        voxels: about how many, a stage each, coarse to fine.
        steps: of every stage.
        rays: of every step.
        refine_cameras: whether cameras are fitted too.
        silhouette, area, distance, colour: weights of opacity against the mask, of the surface's
            area, of the eikonal equation and of the variation of colour, against the difference
            of colours.
    """

    voxels: Sequence[int] = (20**3, 30**3, 44**3)
    steps: int = 150
    rays: int = 2048
    refine_cameras: bool = True
    silhouette: float = 1.0
    area: float = 0.03
    distance: float = 0.1
    colour: float = 0.3
    seed: int = 0


@dataclass(frozen=True)
class Targets:
    """All pixels of all views: view [N], place [N, 2], premultiplied colour [N, 3], mask [N]."""

    view: Tensor
    place: Tensor
    colour: Tensor
    mask: Tensor

    @classmethod
    def of(cls, views: ObjectViews) -> Targets:
        count, size = views.masks.shape[:2]
        mask = torch.as_tensor(views.masks, dtype=torch.float32).flatten()
        colour = torch.as_tensor(views.frames, dtype=torch.float32).view(-1, 3) / 255.0
        view = torch.arange(count).repeat_interleave(size * size)
        place = pixel_places(size).repeat(count, 1)
        return cls(view, place, colour * mask[:, None], mask)


def fit_field(views: ObjectViews, cameras: OrbitCameras, settings: FitSettings) -> VoxelField:
    """Fit a field to views, coarse to fine from their hull; cameras are refined in place.

    The loss of a ray is robust, so that what single views say alone counts little: Charbonnier's
    √(1 + (x/c)²) − 1, the case α = 1 of Barron, "A General and Adaptive Robust Loss" (CVPR 2019).
    """
    generator = torch.Generator(torch.get_default_device()).manual_seed(settings.seed)
    targets = Targets.of(views)
    weight = torch.as_tensor(views.weight, dtype=torch.float32)
    field = start_field(cameras, views, settings.voxels[0])
    with counting("shape", settings.steps * len(settings.voxels)) as count:
        for stage, voxels in enumerate(settings.voxels):
            field = field if stage == 0 else field.refined(voxels)
            optimizer = _optimizer(field, cameras, settings.refine_cameras)
            for step in range(settings.steps):
                _anneal(optimizer, step / settings.steps)
                field.softness = 1.0 * 0.5 ** (step / settings.steps)
                chosen = torch.randint(len(targets.view), (settings.rays,), generator=generator)
                jitter = torch.rand(settings.rays, generator=generator)
                loss = _loss(field, cameras, targets, weight, chosen, jitter, settings)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                count(1)
    return field


def _loss(
    field: VoxelField,
    cameras: OrbitCameras,
    targets: Targets,
    weight: Tensor,
    chosen: Tensor,
    jitter: Tensor,
    settings: FitSettings,
) -> Tensor:
    view = targets.view[chosen]
    drawn = render_rays(field, cameras.rays(view, targets.place[chosen]), _SPREAD, jitter)
    colour = robust(drawn.colour - targets.colour[chosen]).mean(dim=1)
    mask = robust(drawn.opacity - targets.mask[chosen])
    believed = weight[view] / weight.mean()
    area, unevenness = field.area_and_unevenness()
    return (
        (believed * (colour + settings.silhouette * mask)).mean()
        + settings.area * area
        + settings.distance * unevenness
        + settings.colour * field.speckle()
        + 0.01 * cameras.implausibility()
    )


def robust(difference: Tensor) -> Tensor:
    """√(1 + (x/c)²) − 1."""
    return (1.0 + (difference / _ROBUST).square()).sqrt() - 1.0


def _optimizer(
    field: VoxelField, cameras: OrbitCameras, refine_cameras: bool
) -> torch.optim.Optimizer:
    groups = [
        {"params": [field.raw], "peak": 0.1 * field.voxel},
        {"params": [field.colour], "peak": 0.2},
    ]
    if refine_cameras:
        groups += [
            {"params": [cameras.elevation, cameras.log_focal], "peak": 2e-3},
            {"params": [cameras.turn, cameras.log_scale, cameras.shift], "peak": 1e-3},
        ]
    for parameter in cameras.parameters():
        parameter.requires_grad_(refine_cameras)
    return torch.optim.Adam(groups, lr=0.1, betas=(0.9, 0.99), eps=1e-6)


def _anneal(optimizer: torch.optim.Optimizer, done: float) -> None:
    """From the peak of every group's rate to a tenth of it, evenly on a logarithmic scale."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * 0.1**done
