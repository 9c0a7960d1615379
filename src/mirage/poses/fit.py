"""Descriptors of a sample of photos → the pose bank: circle, poses and ring."""

from __future__ import annotations

import numpy as np

from mirage.config import BackboneConfig, PosesConfig
from mirage.contracts import FloatArray
from mirage.poses.azimuth import fit_circle
from mirage.poses.bank import PoseBank, join_circle
from mirage.poses.clusters import fit_poses
from mirage.poses.descriptor import LayoutEncoder
from mirage.poses.ring import ring_from_distances, ring_from_plane

# Of the circle joined to the descriptor, whose own length is about 1: large enough that poses are
# arcs of the circle and not kinds of object, small enough that unsure views still tell.
_CIRCLE_RADIUS = 3.0


def fit_bank(
    sampled: FloatArray,
    mirrored: FloatArray,
    backbone: BackboneConfig,
    encoder: LayoutEncoder,
    config: PosesConfig,
) -> PoseBank:
    """Fit circle, poses and ring to the descriptors [n, D] of n photos and their mirror images."""
    found = fit_circle(sampled, mirrored, config.seed)
    azimuth = None if found is None else found[0].azimuths(sampled)
    points = join_circle(sampled, azimuth, _CIRCLE_RADIUS)
    centroids, softness = fit_poses(
        points, config.count, restarts=config.restarts, seed=config.seed, max_points=config.sample
    )
    if found is None:
        gaps = np.linalg.norm(centroids[:, None] - centroids[None, :], axis=2)
        ring = ring_from_distances(gaps)
    else:
        plane = centroids[:, -2:]
        ring = ring_from_plane(plane, found[1])
    bank = PoseBank(
        backbone=backbone,
        encoder=encoder,
        circle=None if found is None else found[0],
        centroids=centroids,
        circle_weight=_CIRCLE_RADIUS,
        softness=softness,
        topk=config.topk,
        ring=ring,
    )
    if config.front is None:
        return bank
    return bank.turned(-float(ring.azimuth[config.front]))
