"""An object as photos show it → views of it, as the configuration asks for them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mirage.circle import wrap
from mirage.config import Config, ViewsConfig
from mirage.contracts import ByteArray, FloatArray, Orbit, PoseRing
from mirage.sampler.orbit import sample_orbit
from mirage.sampler.targets import ring_azimuths
from mirage.stages.turn.best_of import Scores, best_of
from mirage.stages.turn.kept_views import Views
from mirage.stages.turn.object_views import draft_of_object
from mirage.stages.turn.references import Reference
from mirage.stages.turn.turner import Turner


def make_views(turner: Turner, reference: Reference, config: Config) -> Views:
    """The object from all round, or from where `views.azimuths` says."""
    azimuths = target_azimuths(turner.bank.ring, reference.first.azimuth, config.views)
    orbit, scores = turn_and_score(turner, reference, azimuths, config)
    return Views(reference, orbit, turner.read_poses(orbit.frames), scores)


def turn(turner: Turner, reference: Reference, azimuths: FloatArray, config: Config) -> Orbit:
    """The reference's views at `azimuths` on the ring, each the best of `views.best_of`."""
    return turn_and_score(turner, reference, azimuths, config)[0]


def turn_and_score(
    turner: Turner, reference: Reference, azimuths: FloatArray, config: Config
) -> tuple[Orbit, Scores | None]:
    """As `turn`, with the scores that it chose by; None where there was nothing to choose."""

    weak, shown = turner.weak(config.views), reference.photos[: config.views.photos]

    def sample(settings: ViewsConfig, draft: ByteArray | None = None) -> Orbit:
        return sample_orbit(
            turner.denoiser, turner.bank.ring, shown, azimuths, settings, weak=weak, draft=draft
        )

    scores = None
    if config.views.best_of == 1:
        orbit = sample(config.views)
    else:
        read = turner.read_poses
        orbit, scores = best_of(
            config.views.best_of, config.views, sample, lambda orbit: read(orbit.frames)
        )
    if config.views.refine == "3d":
        again = sample(config.views, draft_of_object(orbit, turner, config.shape))
        orbit = replace(again, num_forwards=orbit.num_forwards + again.num_forwards)
    return orbit, scores


def target_azimuths(ring: PoseRing, own: float, config: ViewsConfig) -> FloatArray:
    """[V] degrees on the ring: those asked for, or round from the photo's `own`."""
    if config.azimuths is not None:
        return wrap(np.asarray(config.azimuths, dtype=np.float64))
    return ring_azimuths(ring, config.count, own)


def with_mode(config: Config, mode: str) -> Config:
    """The same configuration with another views.mode."""
    return replace(config, views=replace(config.views, mode=mode))
