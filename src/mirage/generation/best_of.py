"""The best of several samples of each view, judged by its pose and by its colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mirage.config import ViewsConfig
from mirage.core.angles import circular_distance
from mirage.core.contracts import FloatArray, Orbit, PoseLabels
from mirage.metrics.views import colour_distance

_POSE, _COLOUR = 15.0, 0.02  # degrees and colour distance that count as much
_VARIED = 0.9  # share of the photo's noise in further samples, which would else be the first again


@dataclass(frozen=True)
class Scores:
    """How good N samples of V views are.

    Attributes:
        azimuth_error: [N, V] degrees between the azimuth asked for and the one read.
        colour_distance: [N, V] to the photo.
    """

    azimuth_error: FloatArray
    colour_distance: FloatArray

    @property
    def total(self) -> FloatArray:
        """[N, V], at most 0; more is better."""
        return -self.azimuth_error / _POSE - self.colour_distance / _COLOUR


def sample_settings(config: ViewsConfig) -> list[ViewsConfig]:
    """The settings of `views.best_of` samples: as `config` asks, then with other seeds."""
    further = replace(config, start=min(config.start, _VARIED))
    return [config] + [
        replace(further, seed=config.seed + number) for number in range(1, config.best_of)
    ]


def best_of(samples: Sequence[Orbit], read: Sequence[PoseLabels]) -> tuple[Orbit, Scores]:
    """An orbit of the best of N samples of each view, and the scores of all.

    Args:
        samples: N orbits of one object. read: the poses of their views.
    """
    scores = Scores(
        np.stack(
            [circular_distance(r.azimuth, o.azimuth) for r, o in zip(read, samples, strict=True)]
        ),
        np.stack([colour_distance(orbit.reference, orbit.frames) for orbit in samples]),
    )
    chosen = scores.total.argmax(axis=0)
    frames = np.stack([samples[n].frames[v] for v, n in enumerate(chosen)])
    forwards = sum(orbit.num_forwards for orbit in samples)
    return replace(samples[0], frames=frames, num_forwards=forwards), scores
