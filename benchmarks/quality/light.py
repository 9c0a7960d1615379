"""Whether the light stays in the room while a car turns: turntable cars under a fixed sun.

    python benchmarks/quality/light.py --run runs/demo [--cars 12] [--light plain]

Every car is turned from one render of it, in each of `views.mode`. Each view is compared with the
true render, and with one whose sun was turned together with the car, as if light were painted on.
A figure is a mean over cars, with its 95% interval.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch._dynamo  # before VTK's window: its LLVM and triton's do not load in the other order

from mirage.config import Config
from mirage.config.load import load_config
from mirage.config.sections.views import MODES
from mirage.core.angles import RingAlignment, align_rings, circular_distance
from mirage.core.contracts import ByteArray, FloatArray, PosedPhoto
from mirage.core.progress import show_progress
from mirage.drawing.tables import Table, print_tables
from mirage.generation.references import Reference
from mirage.generation.sampling import sample, with_mode
from mirage.generation.view_generator import ViewGenerator
from mirage.images.turntable.objects import ObjectSpec, sample_objects
from mirage.images.turntable.pictures import studio_of
from mirage.images.turntable.scene import Scene
from mirage.metrics.intervals import bootstrap
from mirage.metrics.light import brightness, shading_error, sun_shares

_VIEWS = 24
_TURNS = np.arange(0.0, 181.0, 30.0)  # degrees from the photo, of the figures by azimuth
_OFF = 5.0  # degrees: about what the poses found are off by
_COPY, _ASTRAY, _TURNED = (
    "copy the reference",
    f"true renders {_OFF:.0f}° off",
    "sun turned with the car",
)


def main() -> None:
    """Print the table, and the error by azimuth."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True, help="a run with a model")
    parser.add_argument("--cars", type=int, default=12)
    parser.add_argument(
        "--light",
        choices=("sun", "plain"),
        default="sun",
        help="a strong sun from one side, or lights as in training",
    )
    parser.add_argument("--seed", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    generator = ViewGenerator.open(given.run / "model")
    specs = sample_objects("cars", given.cars, given.seed, "evaluate")
    if given.light == "sun":
        specs = [replace(spec, scene=under_sun(spec.scene, i)) for i, spec in enumerate(specs)]
    config = load_config([f"run={given.run}"])
    alignment = find_alignment(generator, specs)
    shares, errors = defaultdict(list), defaultdict(list)
    for index, spec in enumerate(show_progress(specs, "light", len(specs))):
        orbit = Orbit(spec, generator, alignment, float(index * 75.0 % 360.0))
        for name, frames in orbit.rows(config).items():
            share, error = orbit.judge(frames)
            shares[name].append(share)
            errors[name].append(error)
    rows = [
        [name, *map(_told, np.transpose(shares[name])), _told(np.mean(errors[name], axis=1))]
        for name in shares
    ]
    title = f"{given.cars} cars, light: {given.light}"
    columns = ["views", "sun kept", "sun turned along", "shading error, stops"]
    by_turn = [
        [name, *(f"{value:.2f}" for value in np.mean(found, axis=0))]
        for name, found in errors.items()
    ]
    columns_by_turn = ["views", *(f"{turn:.0f}°" for turn in _TURNS)]
    print_tables(
        [
            Table(title, columns, rows),
            Table("Shading error by azimuth from the photo, stops", columns_by_turn, by_turn),
        ]
    )


def under_sun(scene: Scene, index: int) -> Scene:
    """The scene with a strong sun, from the left and from the right in turn."""
    side = 60.0 if index % 2 else -60.0
    return replace(scene, light_azimuth=side, light_elevation=35.0, key=1.3, ambient=0.5)


def find_alignment(
    generator: ViewGenerator, specs: list[ObjectSpec], count: int = 12
) -> RingAlignment:
    """How the ring's azimuths lie on the true ones, by renders of the objects."""
    true = np.arange(count) * (360.0 / count)
    photos = [shoot(spec, generator.backbone.size, float(a))[0] for spec in specs for a in true]
    return align_rings(generator.read_poses(np.stack(photos)).azimuth, np.tile(true, len(specs)))


def shoot(spec: ObjectSpec, size: int, azimuth: float, **light: Any) -> tuple[Any, Any]:
    """A render [S, S, 3] and coverage [S, S], with what is changed of the scene's light."""
    return studio_of(spec, size).shoot(replace(spec.scene, **light), azimuth)


class Orbit:
    """One car turned from its photo at a true azimuth, and its true renders."""

    def __init__(
        self, spec: ObjectSpec, generator: ViewGenerator, alignment: RingAlignment, azimuth: float
    ) -> None:
        self.generator = generator
        self.asked = np.arange(_VIEWS) * (360.0 / _VIEWS)
        size, true = generator.denoiser.resolution, alignment.carry(self.asked)
        self.from_photo = circular_distance(true, azimuth)
        shots = [shoot(spec, size, a) for a in true]
        truth, coverage = (np.stack(part) for part in zip(*shots, strict=True))
        self.light = partial(brightness, masks=coverage > 0.99)
        self.truth = self.light(truth)
        # The camera's left, where a light's azimuth points to, is against the turn.
        sun = spec.scene.light_azimuth
        along = [shoot(spec, size, a, light_azimuth=sun - (a - azimuth))[0] for a in true]
        self.turned = np.stack(along)
        self.astray = np.stack([shoot(spec, size, a + _OFF)[0] for a in true])
        self.unlit = self.light(np.stack([shoot(spec, size, a, key=0.0)[0] for a in true]))
        labels, _ = generator.read_photo(shoot(spec, generator.backbone.size, azimuth)[0])
        pixels, pose = shoot(spec, size, azimuth)[0], float(labels.azimuth[0])
        photo = PosedPhoto(pixels, int(labels.pose[0]), pose)
        self.reference = Reference(spec.object_id, "", (photo,), float(labels.confidence[0]), False)

    def rows(self, config: Config) -> Mapping[str, ByteArray]:
        """Views [V, S, S, 3] in each mode, and what they are compared with."""
        rows = {}
        for mode in MODES:
            (orbit,) = sample(
                self.generator, [self.reference], [self.asked], with_mode(config, mode)
            )
            rows[mode] = orbit.frames
        copied = np.repeat(self.reference.first.pixels[None], _VIEWS, axis=0)
        return rows | {_COPY: copied, _ASTRAY: self.astray, _TURNED: self.turned}

    def judge(self, frames: ByteArray) -> tuple[tuple[float, float], FloatArray]:
        """The sun's shares, kept and turned along, and the shading error near each of `_TURNS`."""
        light = self.light(frames)
        error = shading_error(light, self.truth)
        near = np.abs(self.from_photo - _TURNS[:, None]) <= 15.0
        means = np.array([error[row].mean() for row in near])
        return sun_shares(light, self.unlit, self.truth, self.light(self.turned)), means


def _told(values: list[float] | FloatArray) -> str:
    found = bootstrap(values, 0)
    return f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f})"


if __name__ == "__main__":
    main()
