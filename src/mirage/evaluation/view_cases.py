"""The objects that views are measured on: fresh turntable objects, or held-out photos."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from mirage.config import Config, ViewsConfig
from mirage.core.angles import RingAlignment
from mirage.core.contracts import ByteArray, FloatArray, PosedPhoto
from mirage.evaluation.pose_figures import fresh_photo, fresh_specs
from mirage.generation.references import Reference, find_references
from mirage.generation.view_generator import ViewGenerator
from mirage.runs.folder import RunFolder


@dataclass(frozen=True)
class Case:
    """One object to turn, with the truth where it is known.

    Attributes:
        truth: [V, H, W, 3] uint8, the true renders at the azimuths asked for, or None.
        render: true renders at other azimuths on the ring, or None.
    """

    reference: Reference
    truth: ByteArray | None
    render: Callable[[FloatArray], ByteArray] | None = None


def view_cases(
    config: Config,
    folder: RunFolder,
    generator: ViewGenerator,
    azimuths: FloatArray,
    alignment: RingAlignment | None,
) -> list[Case]:
    """One case an object; all have the truth, or none has.

    Photos are those held out, also where a person named another one to be turned.

    Args:
        azimuths: [V] degrees on the ring, that views are asked for at.
        alignment: of the ring with the turntable's true azimuths; None for photos.
    """
    if alignment is None:
        held_out = replace(config, views=on_held_out(config.views))
        references, _ = find_references(held_out, folder, generator)
        return [Case(reference, None) for reference in references]
    rng, more = (np.random.default_rng([config.evaluate.seed, stream]) for stream in (2, 3))
    low, high = config.images.turntable.azimuths
    cases = []
    size = generator.denoiser.resolution
    for spec in fresh_specs(config):
        shown = []
        further = more.uniform(low, high, size=config.views.photos - 1)
        for azimuth in (rng.uniform(low, high), *further):
            sharp = fresh_photo(config, spec, float(azimuth) % 360.0, generator.backbone.size)
            labels, _ = generator.read_photo(sharp)
            pixels = fresh_photo(config, spec, float(azimuth) % 360.0, size)
            shown.append((pixels, labels))
        photos = tuple(
            PosedPhoto(pixels, int(labels.pose[0]), float(labels.azimuth[0]))
            for pixels, labels in shown
        )
        _, first = shown[0]
        reference = Reference(
            spec.object_id,
            spec.object_id,
            photos,
            float(first.confidence[0]),
            bool(first.outlier[0]),
        )
        render = partial(_true_renders, config, spec, size, alignment)
        cases.append(Case(reference, render(azimuths), render))
    return cases


def on_held_out(views: ViewsConfig) -> ViewsConfig:
    """The settings with which held-out photos are turned as one photo is."""
    return replace(views, reference=ViewsConfig.reference)


def _true_renders(
    config: Config, spec: Any, size: int, alignment: RingAlignment, azimuths: FloatArray
) -> ByteArray:
    true = alignment.carry(azimuths)
    return np.stack([fresh_photo(config, spec, float(a), size) for a in true])
