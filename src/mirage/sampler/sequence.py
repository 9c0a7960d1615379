"""Views one after the other, each looking at those made before it as well as at the photo.

What the photo hides is invented for every view afresh where all are made at once. In turn, a view
sees what its neighbours have invented. It costs a pass of each view that is looked at, at every
step, and errors can be handed on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from operator import itemgetter

import torch
from torch import Tensor

from mirage.core.angles import circular_distance
from mirage.core.contracts import FloatArray, IntArray, PoseCondition
from mirage.sampler.reference import Path, Together
from mirage.sampler.shared import Reference
from mirage.sampler.solve import Denoise
from mirage.sampler.targets import join_conditions

Watch = Callable[[Denoise], Denoise]

# (what to look at, which views, what to put round their denoiser) → those views
Solve = Callable[[Reference, slice, Watch], Tensor]


def keep_path(path: dict[float, Tensor]) -> Watch:
    """Of a denoiser the same one, which keeps what it was shown last at each noise level."""

    def watch(denoise: Denoise) -> Denoise:
        def watched(x: Tensor, sigma: float) -> Tensor:
            path[sigma] = x
            return denoise(x, sigma)

        return watched

    return watch


def solve_in_turn(
    solve: Solve,
    reference: Reference,
    targets: PoseCondition,
    azimuths: FloatArray,
    order: IntArray,
    previous: int,
) -> Tensor:
    """[V, C, H, W] views, made in `order`.

    Each looks at the photos and at up to `previous` views made before it, those nearest in azimuth,
    on the path that they were made on.

    Args:
        targets: the V poses asked for. azimuths: [V] degrees, of the same.
    """
    made: dict[int, Tensor] = {}
    paths: dict[int, Path] = {}
    for row in map(int, order):
        distance = circular_distance(azimuths[list(made)], azimuths[row])
        nearest = [list(made)[i] for i in distance.argsort(kind="stable")[:previous]]
        poses = [targets.map(itemgetter(slice(i, i + 1))) for i in nearest]
        seen = _beside(reference, [paths[i] for i in nearest], poses)
        path: dict[float, Tensor] = {}
        made[row] = solve(seen, slice(row, row + 1), keep_path(path))
        paths[row] = Path(path)
    return torch.cat([made[row] for row in range(len(order))])


def _beside(reference: Reference, paths: list[Path], poses: list[PoseCondition]) -> Reference:
    """The reference and views made before, all of which are seen where the photos have a mask."""
    mask = reference.mask
    if mask is not None:
        mask = torch.cat([mask, mask.new_ones(len(paths), *mask.shape[1:])])
    return replace(
        reference,
        track=Together([reference.track, *paths]),
        condition=join_conditions([reference.condition, *poses]),
        photos=reference.photos + len(paths),
        mask=mask,
    )
