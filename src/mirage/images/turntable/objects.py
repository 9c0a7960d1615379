"""An object of the turntable: its design, its scene, and how one is drawn at random."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mirage.core.errors import MirageError
from mirage.images.turntable.cars import CarDesign, build_car, sample_car
from mirage.images.turntable.chairs import ChairDesign, build_chair, sample_chair
from mirage.images.turntable.mugs import MugDesign, build_mug, sample_mug
from mirage.images.turntable.scene import Scene, cluttered, sample_scene
from mirage.images.turntable.solids import ColouredMesh
from mirage.images.turntable.textures import cover

STREAMS = ("train", "evaluate")
VARIANTS = ("plain", "textured", "cluttered")

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
        scene: camera height and distance, light, backdrop; of the variant "cluttered", only the
            camera's height is kept in its views.
        variant: plain, textured (random patterns on the object) or cluttered (before a busy
            background that is another one in every view).
    """

    category: str
    object_id: str
    design: Design
    scene: Scene
    variant: str = "plain"


def sample_objects(
    category: str, num_objects: int, seed: int, stream: str = "train", variant: str = "plain"
) -> list[ObjectSpec]:
    """Draw objects; object i depends on (category, seed, stream, i) alone, not on the count.

    Its design and scene are the same in every variant.

    Args:
        category: cars, chairs or mugs.
        num_objects: how many.
        seed: of the set.
        stream: "train" or "evaluate"; the two never share an object.
        variant: plain, textured or cluttered.

    Raises:
        MirageError: no such category, stream or variant.
    """
    for value, choices in ((category, CATEGORIES), (stream, STREAMS), (variant, VARIANTS)):
        if value not in choices:
            raise MirageError(f"{value!r} is not a choice", todo=f"use one of {', '.join(choices)}")
    return [_sample_object(category, seed, stream, i, variant) for i in range(num_objects)]


def _sample_object(category: str, seed: int, stream: str, index: int, variant: str) -> ObjectSpec:
    name = zlib.crc32(f"{category}/{stream}".encode())
    design_rng, scene_rng = (np.random.default_rng([name, seed, index, part]) for part in range(2))
    return ObjectSpec(
        category=category,
        object_id=f"{category}-{stream}-{seed}-{index:05d}",
        design=_MAKERS[category][0](design_rng),
        scene=sample_scene(scene_rng),
        variant=variant,
    )


def build_meshes(spec: ObjectSpec) -> list[ColouredMesh]:
    """The object's true shape: coloured meshes, front towards +x, standing on z = 0."""
    meshes = _MAKERS[spec.category][1](spec.design)
    if spec.variant == "textured":
        meshes = cover(meshes, spec.design.skin, _rng_of(spec))
    return meshes


def view_scene(spec: ObjectSpec, azimuth: float) -> Scene:
    """The scene of the view at `azimuth` degrees: the object's, or one drawn for this view."""
    if spec.variant != "cluttered":
        return spec.scene
    return cluttered(spec.scene, _rng_of(spec, round(azimuth % 360.0 * 1000.0)))


def _rng_of(spec: ObjectSpec, view: int = 0) -> np.random.Generator:
    """What a variant adds to an object, or to one of its views, is drawn from this."""
    return np.random.default_rng([zlib.crc32(spec.object_id.encode()), view])
