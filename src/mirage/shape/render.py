"""Volume rendering: rays through a field → colour, opacity and depth."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mirage.core.contracts import FloatArray
from mirage.shape.cameras import OrbitCameras, Rays
from mirage.shape.field import VoxelField

_CHUNK = 8192  # rays at once
_UNSEEN = 1e-4  # weight below which a sample's colour makes no difference


@dataclass(frozen=True)
class Rendered:
    """N rays: colour [N, 3] times opacity, opacity [N] in [0, 1], depth [N] (0 where empty)."""

    colour: Tensor
    opacity: Tensor
    depth: Tensor


def render_rays(
    field: VoxelField, rays: Rays, step: float, jitter: Tensor | None = None
) -> Rendered:
    """What is seen along rays, by volume rendering of a distance s as in NeuS:

        C = Σ T_i α_i c_i,   T_i = Π_{j<i} (1 − α_j),   α_i = max(0, 1 − Φ(s_{i+1}) / Φ(s_i)).

    So opacity is 1 − Φ(min s): a silhouette is where the surface is, however thick the object
    (Wang et al., "NeuS", NeurIPS 2021; the sum is that of NeRF, Mildenhall et al. 2020).

    Only samples near the surface are looked up closely: farther out there is nothing, and farther
    in nothing is seen.

    Args:
        step: between samples, voxels.
        jitter: [N] in [0, 1), by what share of a step each ray's samples are moved; None: half.
    """
    near, far = _through_box(field, rays)
    length = step * field.voxel
    count = max(2, int((far - near).max().clamp_min(0.0).item() / length) + 2)
    moved = torch.full_like(near, 0.5) if jitter is None else jitter
    reach = near[:, None] + (torch.arange(count) + moved[:, None]) * length
    blurred = field.distance
    crude = _crude_distance(field, blurred, rays, reach, reach < far[:, None])
    found = (crude.abs() < (2.0 + 6.0 * field.softness) * field.voxel).nonzero(as_tuple=True)
    points = rays.origin[found[0]] + reach[found][:, None] * rays.direction[found[0]]
    distance = crude.index_put(found, field.look_up(blurred, points)[:, 0])
    alpha = -torch.expm1(field.outside(distance).diff(dim=1).clamp_max(0.0))
    through = torch.cumprod(1.0 - alpha + 1e-7, dim=1)
    weight = alpha * torch.cat([torch.ones_like(through[:, :1]), through[:, :-1]], dim=1)
    lit = (weight.detach() > _UNSEEN).nonzero(as_tuple=True)
    points = rays.origin[lit[0]] + (reach[lit][:, None] + 0.5 * length) * rays.direction[lit[0]]
    coloured = weight[lit][:, None] * field.colour_at(points)
    shown = torch.zeros(len(near), 3).index_add(0, lit[0], coloured)
    return Rendered(shown, weight.sum(dim=1), (weight * reach[:, :-1]).sum(dim=1))


@torch.no_grad()
def _crude_distance(
    field: VoxelField, distance: Tensor, rays: Rays, reach: Tensor, within: Tensor
) -> Tensor:
    """[N, S] the distance at the voxel nearest to each sample; far, where there is no voxel."""
    ray, place = within.nonzero(as_tuple=True)
    points = rays.origin[ray] + reach[ray, place][:, None] * rays.direction[ray]
    share = ((points - field.centre) / field.reach + 1.0) * 0.5
    z, y, x = (
        (along * count).long().clamp(0, count - 1)
        for along, count in zip(share.flip(1).T, field.size, strict=True)
    )
    crude = torch.full_like(reach, 100.0 * field.voxel)
    crude[ray, place] = distance[0, 0, z, y, x]
    return crude


def _through_box(field: VoxelField, rays: Rays) -> tuple[Tensor, Tensor]:
    """[N] distances at which rays enter and leave the box (slab method; Kay and Kajiya 1986)."""
    with torch.no_grad():
        inverse = 1.0 / torch.where(rays.direction.abs() < 1e-9, 1e-9, rays.direction)
        first = (field.centre - field.reach - rays.origin) * inverse
        second = (field.centre + field.reach - rays.origin) * inverse
        near = torch.minimum(first, second).amax(dim=1).clamp_min(0.0)
        return near, torch.maximum(first, second).amin(dim=1)


def pixel_places(size: int) -> Tensor:
    """[size², 2] middles of a picture's pixels row by row, in half sides, right and up."""
    ticks = (torch.arange(size) + 0.5) / size * 2.0 - 1.0
    return torch.stack([ticks.repeat(size), -ticks.repeat_interleave(size)], dim=1)


@torch.no_grad()
def render_views(
    field: VoxelField, cameras: OrbitCameras, size: int, step: float = 0.5
) -> tuple[FloatArray, FloatArray]:
    """All of an orbit: [V, size, size, 3] colour times opacity, and opacity [V, size, size]."""
    places = pixel_places(size).repeat(len(cameras), 1)
    views = torch.arange(len(cameras)).repeat_interleave(size * size)
    colours, opacities = [], []
    for part in torch.arange(len(views)).split(_CHUNK):
        drawn = render_rays(field, cameras.rays(views[part], places[part]), step)
        colours.append(drawn.colour)
        opacities.append(drawn.opacity)
    shape = (len(cameras), size, size)
    return (
        torch.cat(colours).view(*shape, 3).cpu().numpy(),
        torch.cat(opacities).view(shape).cpu().numpy(),
    )
