"""Descriptors of a sample of photos → the pose bank: circle, poses and ring."""

from __future__ import annotations

import numpy as np

from mirage.config import BackboneConfig, PosesConfig
from mirage.contracts import FloatArray
from mirage.poses.azimuth import find_azimuths
from mirage.poses.bank import PoseBank, join_circle
from mirage.poses.clusters import fit_poses
from mirage.poses.descriptor import LayoutEncoder
from mirage.poses.reader import fit_reader
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
    reader = fit_reader(sampled, mirrored, find_azimuths(sampled, mirrored, config.seed))
    azimuth = reader.azimuths(sampled)
    points = join_circle(sampled, azimuth, _CIRCLE_RADIUS)
    centroids, softness = fit_poses(
        points, config.count, restarts=config.restarts, seed=config.seed, max_points=config.sample
    )
    ring = ring_from_plane(centroids[:, -2:], 1.0)
    bank = PoseBank(
        backbone=backbone,
        encoder=encoder,
        circle=reader,
        centroids=centroids,
        circle_weight=_CIRCLE_RADIUS,
        softness=softness,
        topk=config.topk,
        ring=ring,
    )
    if config.front is None:
        return bank
    return bank.turned(-float(ring.azimuth[config.front]))
