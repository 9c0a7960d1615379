"""Objects as photos show them → views of them, as the configuration asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mirage.config import Config, ViewsConfig
from mirage.core.angles import wrap
from mirage.core.contracts import FloatArray, Orbit, PoseRing
from mirage.generation.best_of import Scores, best_of, sample_settings
from mirage.generation.kept_views import Views
from mirage.generation.references import Reference
from mirage.generation.view_generator import ViewGenerator
from mirage.sampler.orbit import OrbitRequest, sample_orbits
from mirage.sampler.targets import ring_azimuths

# Objects that are turned together: small batches leave a GPU idle, and even a CPU takes twice as
# long for a picture by itself; but what is turned together is lost together when a run is killed.
TOGETHER = 8


def generate_views(
    generator: ViewGenerator, references: Sequence[Reference], config: Config
) -> list[Views]:
    """The objects from all round, or from where `views.azimuths` says."""
    ring = generator.bank.ring
    azimuths = [target_azimuths(ring, each.first.azimuth, config.views) for each in references]
    sampled = sample_and_score(generator, references, azimuths, config)
    return [
        Views(reference, orbit, generator.read_poses(orbit.frames), scores)
        for reference, (orbit, scores) in zip(references, sampled, strict=True)
    ]


def sample(
    generator: ViewGenerator,
    references: Sequence[Reference],
    azimuths: Sequence[FloatArray],
    config: Config,
) -> list[Orbit]:
    """The references' views, each at its azimuths on the ring, the best of `views.best_of`."""
    return [orbit for orbit, _ in sample_and_score(generator, references, azimuths, config)]


def sample_and_score(
    generator: ViewGenerator,
    references: Sequence[Reference],
    azimuths: Sequence[FloatArray],
    config: Config,
) -> list[tuple[Orbit, Scores | None]]:
    """As `sample`, with the scores that it chose by; None where there was nothing to choose."""
    asked = sum(len(each) for each in azimuths) * config.views.sampler.steps * config.views.best_of
    views = generator.settled(config.views, asked)
    shown = [reference.photos[: views.photos] for reference in references]

    requests = [OrbitRequest(*each) for each in zip(shown, azimuths, strict=True)]

    samples = [
        sample_orbits(generator.denoiser, generator.bank.ring, requests, settings)
        for settings in sample_settings(views)
    ]
    if len(samples) == 1:
        return [(orbit, None) for orbit in samples[0]]
    return [
        best_of(drawn, [generator.read_poses(orbit.frames) for orbit in drawn])
        for drawn in zip(*samples, strict=True)
    ]


def target_azimuths(ring: PoseRing, own: float, config: ViewsConfig) -> FloatArray:
    """[V] degrees on the ring: those asked for, or round from the photo's `own`."""
    if config.azimuths is not None:
        return wrap(np.asarray(config.azimuths, dtype=np.float64))
    return ring_azimuths(ring, config.count, own)


def with_mode(config: Config, mode: str) -> Config:
    """The same configuration with another views.mode."""
    return replace(config, views=replace(config.views, mode=mode))
