"""Everything that is needed to read the pose of a new photo."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from mirage.config import BackboneConfig
from mirage.core.angles import circular_mean, wrap
from mirage.core.contracts import FloatArray, IntArray, PoseLabels, PoseRing, check_shape
from mirage.features import kmeans
from mirage.poses.circle.reader import CircleReader
from mirage.poses.circle.timing import Timing
from mirage.poses.clusters import soft_poses
from mirage.poses.description.descriptor import LayoutEncoder
from mirage.poses.stability import CountChoice

_TWO_IN_THREE = 0.683  # as within a standard deviation of a normal number


@dataclass(frozen=True)
class PoseBank:
    """Parts, poses and ring, as discovered from one set of photos.

    Attributes:
        backbone: the network whose features the rest was fitted to.
        encoder: patch features → descriptor.
        circle: descriptor → azimuth, where the photos were found to lie on a circle.
        centroids: [K, E] of the poses: descriptor, joined with the circle where there is one.
        circle_weight: the radius of the circle in that joined space.
        softness: squared distance that one unit of log-weight is worth.
        topk: poses kept in a soft label, T.
        ring: azimuth of every pose.
        mirror: [K] the pose that mirror images of a pose's photos have.
        parents: [K] the coarse pose of each pose, where there are two levels.
        outlier_limit: what a photo's outlier_score must exceed for it to count as an outlier.
        choice: why there are that many poses.
        timing_error: degrees, root mean square round the circle, that azimuths may be off because
            the circle is timed wrong (`clock`); None where nothing told.
        object_sides: the object's longer side over the photo's, in one photo of 20 smaller than
            the first, in half of them than the second; None unless known.
    """

    backbone: BackboneConfig
    encoder: LayoutEncoder
    circle: CircleReader | None
    centroids: FloatArray
    circle_weight: float
    softness: float
    topk: int
    ring: PoseRing
    mirror: IntArray
    parents: IntArray | None
    outlier_limit: float
    choice: CountChoice
    timing_error: float | None = None
    object_sides: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        check_shape("ring.azimuth", self.ring.azimuth, (len(self.centroids),))
        check_shape("mirror", self.mirror, (len(self.centroids),))

    @property
    def num_poses(self) -> int:
        return len(self.centroids)

    @property
    def num_parts(self) -> int:
        return self.encoder.codebook.num_parts

    def part_maps(self, features: Tensor) -> Tensor:
        """[B, h, w, C] patch features → [B, h, w, P] shares of every part."""
        return self.encoder.codebook.part_maps(features)

    def part_mass(self, features: Tensor) -> FloatArray:
        """[B, h, w, C] patch features → [B, P], how much of the object is of each part."""
        mass = self.part_maps(features).sum(dim=(1, 2)).cpu().numpy()
        return np.asarray(mass * self.encoder.weights)

    def masks(self, features: Tensor) -> Tensor:
        """[B, h, w, C] patch features → [B, h, w] in [0, 1], how surely a patch is the object."""
        return self.encoder.masks(features)

    @property
    def is_round(self) -> bool:
        """Whether photos lie on a full circle, so that a mirror image has the opposite azimuth."""
        return self.circle is not None and self.ring.closed

    def assign(self, features: Tensor, mirrored: Tensor | None = None) -> PoseLabels:
        """The poses of B photos from their patch features [B, h, w, C].

        Args:
            mirrored: those of their mirror images, by which a full circle is read better.
        """
        there = None if mirrored is None or not self.is_round else self.encoder(mirrored)
        return self.assign_descriptors(self.encoder(features), there)

    def assign_descriptors(
        self, descriptors: FloatArray, mirrored: FloatArray | None = None
    ) -> PoseLabels:
        """The poses of N photos from their descriptors, and perhaps their mirror images' [N, D]."""
        mirrored = mirrored if self.is_round else None
        azimuth = None if self.circle is None else self.circle.azimuths(descriptors, mirrored)
        points = join_circle(descriptors, azimuth, self.circle_weight)
        soft = soft_poses(points, self.centroids, self.softness, self.topk)
        if self.circle is None or azimuth is None:
            azimuth = circular_mean(self.ring.azimuth[soft.topk], soft.weight)
            confidence = soft.confidence
        else:
            confidence = self.circle.confidence(descriptors, mirrored)
        outlier = self.outlier_score(descriptors) > self.outlier_limit
        return PoseLabels(
            soft.topk[:, 0],
            confidence,
            azimuth,
            soft.topk,
            soft.weight,
            outlier,
            self._azimuth_error(descriptors, mirrored),
        )

    def outlier_score(self, descriptors: FloatArray) -> FloatArray:
        """[N] how far photos [N, D] lie from where others do: the curve, or the nearest pose."""
        if self.circle is not None:
            return self.circle.outlier_score(descriptors)
        return kmeans.assign(descriptors, self.centroids)[1]

    def _azimuth_error(
        self, descriptors: FloatArray, mirrored: FloatArray | None
    ) -> FloatArray | None:
        """[N, D] → [N] degrees that azimuths are expected to be within, of two photos in three.

        How far apart the curves put a photo, and how far off the circle may be timed, added in
        squares; None where no circle was found, or nothing told how fast it runs.
        """
        if self.circle is None or self.timing_error is None:
            return None
        return np.hypot(
            self.circle.half_width(descriptors, _TWO_IN_THREE, mirrored), self.timing_error
        )

    def flipped(self, labels: PoseLabels) -> PoseLabels | None:
        """The labels of the photos' mirror images, or None where the ring is not a full circle."""
        if self.circle is None or not self.ring.closed:
            return None
        axis = self.circle.axis
        return replace(
            labels,
            pose=self.mirror[labels.pose],
            azimuth=wrap(2 * axis - labels.azimuth).astype(np.float32),
            topk=self.mirror[labels.topk],
        )

    def turned(self, offset: float) -> PoseBank:
        """The same bank with every azimuth moved by `offset` degrees."""
        return self.reoriented(offset, 1)

    def reoriented(self, offset: float, direction: int) -> PoseBank:
        """The same bank with every azimuth a at offset + direction · a; direction is ±1."""
        azimuth = ((offset + direction * self.ring.azimuth.astype(np.float64)) % 360.0).astype(
            np.float32
        )
        ring = replace(
            self.ring, azimuth=azimuth % np.float32(360.0), span=self._span(offset, direction)
        )
        if self.circle is None:
            return replace(self, ring=ring)
        centroids = self.centroids.copy()
        centroids[:, -2:] = centroids[:, -2:] @ turn_of_plane(offset, direction)
        circle = self.circle.reoriented(offset, direction)
        return replace(self, ring=ring, circle=circle, centroids=centroids)

    def retimed(self, timing: Timing) -> PoseBank:
        """The same bank, whose azimuths run as `timing` has them; of a full circle."""
        ring = replace(self.ring, azimuth=timing(self.ring.azimuth).astype(np.float32))
        if self.circle is None:
            return replace(self, ring=ring)
        centroids = self.centroids.copy()
        plane = centroids[:, -2:]
        angle = np.deg2rad(timing(np.rad2deg(np.arctan2(plane[:, 1], plane[:, 0]))))
        radius = np.linalg.norm(plane, axis=1)
        centroids[:, -2] = radius * np.cos(angle)
        centroids[:, -1] = radius * np.sin(angle)
        return replace(self, ring=ring, circle=self.circle.retimed(timing), centroids=centroids)

    def _span(self, offset: float, direction: int) -> tuple[float, float]:
        """The ring's span once it is reoriented."""
        if self.ring.closed:
            return self.ring.span
        low, high = sorted(offset + direction * end for end in self.ring.span)
        return low % 360.0, low % 360.0 + high - low


def turn_of_plane(offset: float, direction: int) -> FloatArray:
    """[2, 2] matrix that carries row vectors (cos a, sin a) to those of offset + direction · a."""
    cosine, sine = np.cos(np.deg2rad(offset)), np.sin(np.deg2rad(offset))
    return np.array([[cosine, sine], [-direction * sine, direction * cosine]], dtype=np.float32)


def join_circle(descriptors: FloatArray, azimuth: FloatArray | None, radius: float) -> FloatArray:
    """Descriptors [N, D], with radius·(cos, sin) of the azimuth appended where there is one."""
    if azimuth is None:
        return descriptors
    radians = np.deg2rad(azimuth)
    circle = radius * np.stack([np.cos(radians), np.sin(radians)], axis=1)
    return np.concatenate([descriptors, circle.astype(np.float32)], axis=1)
