"""The best of several samples of each view, judged by its pose and by its colours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from mirage.circle import circular_distance
from mirage.config import ViewsConfig
from mirage.contracts import FloatArray, Orbit, PoseLabels
from mirage.report.view_metrics import colour_distance

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


def best_of(
    count: int,
    config: ViewsConfig,
    sample: Callable[[ViewsConfig], Orbit],
    read: Callable[[Orbit], PoseLabels],
) -> tuple[Orbit, Scores]:
    """An orbit of the best of `count` samples of each view, and the scores of all.

    The first sample is the one that `config` asks for; the others have other seeds.

    Args:
        sample: an orbit by a configuration. read: the poses of an orbit's views.
    """
    orbits = [sample(config)]
    for further in range(1, count):
        start = min(config.start, _VARIED)
        orbits.append(sample(replace(config, seed=config.seed + further, start=start)))
    scores = Scores(
        np.stack([circular_distance(read(o).azimuth, o.azimuth) for o in orbits]),
        np.stack([colour_distance(o.reference, o.frames) for o in orbits]),
    )
    chosen = scores.total.argmax(axis=0)
    frames = np.stack([orbits[n].frames[v] for v, n in enumerate(chosen)])
    forwards = sum(orbit.num_forwards for orbit in orbits)
    return replace(orbits[0], frames=frames, num_forwards=forwards), scores
