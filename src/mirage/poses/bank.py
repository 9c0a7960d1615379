"""Everything that is needed to read the pose of a new photo, in one file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from torch import Tensor

from mirage.circle import circular_mean
from mirage.config import BackboneConfig
from mirage.contracts import FloatArray, PoseLabels, PoseRing, check_shape
from mirage.errors import MirageError
from mirage.parts.codebook import PartCodebook
from mirage.poses.reader import CurveReader
from mirage.poses.clusters import soft_poses
from mirage.poses.descriptor import LayoutEncoder

_FORMAT = "mirage-pose-bank-1"


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
    """

    backbone: BackboneConfig
    encoder: LayoutEncoder
    circle: CurveReader | None
    centroids: FloatArray
    circle_weight: float
    softness: float
    topk: int
    ring: PoseRing

    def __post_init__(self) -> None:
        check_shape("ring.azimuth", self.ring.azimuth, (len(self.centroids),))

    @property
    def num_poses(self) -> int:
        return len(self.centroids)

    @property
    def num_parts(self) -> int:
        return self.encoder.codebook.num_parts

    def part_maps(self, features: Tensor) -> Tensor:
        """[B, h, w, C] patch features → [B, h, w, P] shares of every part."""
        return self.encoder.codebook.part_maps(features)

    def masks(self, features: Tensor) -> Tensor:
        """[B, h, w, C] patch features → [B, h, w] in [0, 1], how surely a patch is the object."""
        return self.encoder.masks(features)

    def assign(self, features: Tensor) -> PoseLabels:
        """The poses of B photos from their patch features [B, h, w, C]."""
        return self.assign_descriptors(self.encoder(features))

    def assign_descriptors(self, descriptors: FloatArray) -> PoseLabels:
        """The poses of N photos from their descriptors [N, D]."""
        azimuth = None if self.circle is None else self.circle.azimuths(descriptors)
        points = join_circle(descriptors, azimuth, self.circle_weight)
        soft = soft_poses(points, self.centroids, self.softness, self.topk)
        if azimuth is None:
            azimuth = circular_mean(self.ring.azimuth[soft.topk], soft.weight)
        return PoseLabels(soft.topk[:, 0], soft.confidence, azimuth, soft.topk, soft.weight)

    def turned(self, offset: float) -> PoseBank:
        """The same bank with every azimuth moved by `offset` degrees."""
        return self.reoriented(offset, 1)

    def reoriented(self, offset: float, direction: int) -> PoseBank:
        """The same bank with every azimuth a at offset + direction · a; direction is ±1."""
        azimuth = ((offset + direction * self.ring.azimuth.astype(np.float64)) % 360.0).astype(
            np.float32
        )
        ring = PoseRing(azimuth % np.float32(360.0), self.ring.score)
        if self.circle is None:
            return replace(self, ring=ring)
        centroids = self.centroids.copy()
        centroids[:, -2:] = centroids[:, -2:] @ turn_of_plane(offset, direction)
        circle = self.circle.reoriented(offset, direction)
        return replace(self, ring=ring, circle=circle, centroids=centroids)

    def save(self, path: str | Path) -> None:
        """Write one safetensors file, by way of a temporary name."""
        codebook, encoder, circle = self.encoder.codebook, self.encoder, self.circle
        tensors = {
            "codebook.mean": codebook.mean,
            "codebook.basis": codebook.basis,
            "codebook.centroids": codebook.centroids,
            "encoder.weights": encoder.weights,
            "encoder.mean": encoder.mean,
            "encoder.basis": encoder.basis,
            "centroids": self.centroids,
            "ring.azimuth": self.ring.azimuth,
        }
        if circle is not None:
            tensors |= {f"circle.{name}": array for name, array in circle.arrays().items()}
        facts = {
            "backbone": asdict(self.backbone),
            "temperature": codebook.temperature,
            "grid": encoder.grid,
            "circle_weight": self.circle_weight,
            "softness": self.softness,
            "topk": self.topk,
            "score": self.ring.score,
        }
        path = Path(path)
        temporary = path.with_name(path.name + ".tmp")
        arrays = {k: np.ascontiguousarray(v, dtype=np.float32) for k, v in tensors.items()}
        save_file(arrays, temporary, {"format": _FORMAT, "facts": json.dumps(facts)})
        temporary.replace(path)

    @classmethod
    def load(cls, path: str | Path) -> PoseBank:
        """Read what `save` wrote.

        Raises:
            MirageError: the file is missing, is not a pose bank, or is damaged.
        """
        try:
            with safe_open(str(path), framework="numpy") as file:
                metadata = file.metadata() or {}
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            if metadata.get("format") != _FORMAT:
                raise ValueError(f"its format is {metadata.get('format')!r}, expected {_FORMAT!r}")
            return _from_parts(tensors, json.loads(metadata["facts"]))
        except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
            raise MirageError(
                f"the pose bank cannot be read: {str(error)[:200]}",
                where=str(path),
                todo="run `mirage poses` again to make it",
            ) from error


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


def _from_parts(tensors: dict[str, FloatArray], facts: dict[str, object]) -> PoseBank:
    codebook = PartCodebook(
        tensors["codebook.mean"],
        tensors["codebook.basis"],
        tensors["codebook.centroids"],
        float(facts["temperature"]),  # type: ignore[arg-type]
    )
    encoder = LayoutEncoder(
        codebook,
        tensors["encoder.weights"],
        int(facts["grid"]),  # type: ignore[call-overload]
        tensors["encoder.mean"],
        tensors["encoder.basis"],
    )
    circle = {k.removeprefix("circle."): v for k, v in tensors.items() if k.startswith("circle.")}
    return PoseBank(
        backbone=BackboneConfig(**facts["backbone"]),  # type: ignore[arg-type]
        encoder=encoder,
        circle=CurveReader(**circle) if circle else None,
        centroids=tensors["centroids"],
        circle_weight=float(facts["circle_weight"]),  # type: ignore[arg-type]
        softness=float(facts["softness"]),  # type: ignore[arg-type]
        topk=int(facts["topk"]),  # type: ignore[call-overload]
        ring=PoseRing(tensors["ring.azimuth"], float(facts["score"])),  # type: ignore[arg-type]
    )
