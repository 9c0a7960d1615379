"""An object of the turntable: its design, its scene, and how one is drawn at random."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mirage.errors import MirageError
from mirage.images.turntable.cars import CarDesign, build_car, sample_car
from mirage.images.turntable.chairs import ChairDesign, build_chair, sample_chair
from mirage.images.turntable.mugs import MugDesign, build_mug, sample_mug
from mirage.images.turntable.scene import Scene, sample_scene
from mirage.images.turntable.solids import ColouredMesh

STREAMS = ("train", "evaluate")

Design = CarDesign | ChairDesign | MugDesign

# category → (draw a design, build its meshes)
_MAKERS: dict[
    str, tuple[Callable[[np.random.Generator], Design], Callable[[Any], list[ColouredMesh]]]
] = {
    "cars": (sample_car, build_car),
    "chairs": (sample_chair, build_chair),
    "mugs": (sample_mug, build_mug),
}
CATEGORIES = tuple(_MAKERS)


@dataclass(frozen=True)
class ObjectSpec:
    """Everything that all views of one object share.

    Attributes:
        category: cars, chairs or mugs.
        object_id: unique over categories, seeds, streams and indices.
        design: shape and colours.
        scene: camera height and distance, light, backdrop.
    """

    category: str
    object_id: str
    design: Design
    scene: Scene


def sample_objects(
    category: str, num_objects: int, seed: int, stream: str = "train"
) -> list[ObjectSpec]:
    """Draw objects; object i depends on (category, seed, stream, i) alone, not on the count.

    Args:
        category: cars, chairs or mugs.
        num_objects: how many.
        seed: of the set.
        stream: "train" or "evaluate"; the two never share an object.

    Raises:
        MirageError: no such category or stream.
    """
    for value, choices in ((category, CATEGORIES), (stream, STREAMS)):
        if value not in choices:
            raise MirageError(f"{value!r} is not a choice", todo=f"use one of {', '.join(choices)}")
    return [_sample_object(category, seed, stream, index) for index in range(num_objects)]


def _sample_object(category: str, seed: int, stream: str, index: int) -> ObjectSpec:
    name = zlib.crc32(f"{category}/{stream}".encode())
    design_rng, scene_rng = (np.random.default_rng([name, seed, index, part]) for part in range(2))
    return ObjectSpec(
        category=category,
        object_id=f"{category}-{stream}-{seed}-{index:05d}",
        design=_MAKERS[category][0](design_rng),
        scene=sample_scene(scene_rng),
    )


def build_meshes(spec: ObjectSpec) -> list[ColouredMesh]:
    """The object's true shape: coloured meshes, front towards +x, standing on z = 0."""
    return _MAKERS[spec.category][1](spec.design)
