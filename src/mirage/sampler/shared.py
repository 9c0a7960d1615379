"""A denoiser of views that share the keys and values of reference photos.

At a noise level everything passes through the network as one batch: first the references, which
leave their keys and values on the tape, then the views, once for each branch that guidance asks for
(told the pose and not, with soft attention and hard). What does not fit in a chunk passes in the
next, which bounds the memory. T levels, R references and b branches of V views cost T · (R + V·b)
image forwards in T · ⌈(R + V·b) / chunk⌉ calls, beside those that it took the references to get to
their noise levels (see `invert`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mirage.core.contracts import PoseCondition
from mirage.model.cross_frame import AttentionTape, Part, Sees
from mirage.model.denoiser import PoseDenoiser
from mirage.model.inference import channels_last, in_precision
from mirage.sampler.reference import ReferenceTrack
from mirage.sampler.targets import join_conditions


@dataclass(frozen=True)
class References:
    """What views look at: photos at every noise level, and their poses.

    Attributes:
        track: R photos, those of an object one after the other.
        condition: the poses of all photos.
        photos: of each object; a view sees all those of its own.
        objects: [V] int64, which object each view looks at; None: all at the only one.
    """

    track: ReferenceTrack
    condition: PoseCondition
    photos: int
    objects: Tensor | None = None


@dataclass(frozen=True)
class Branch:
    """One way for the views to be looked at by the network.

    Attributes:
        hard: whether they attend to the references by hard attention.
        blind: whether each of their pixels sees itself alone.
        posed: whether the network is told their poses.
    """

    hard: bool = False
    blind: bool = False
    posed: bool = True


PLAIN = Branch()


@dataclass(frozen=True)
class _Rows:
    """Pictures that pass the network, [N, C, H, W], and how: a part of a batch."""

    x: Tensor
    condition: PoseCondition
    part: Part

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: slice) -> _Rows:
        if rows.stop - rows.start == len(self):
            return self
        return _Rows(self.x[rows], self.condition.map(lambda c: c[rows]), self.part[rows])


class SharedDenoiser:
    """Denoises views, chunk by chunk, that attend to a reference's keys and values.

    Args:
        tape: what `denoiser.unet` is taped on.
        reference: what the views look at; None lets them attend to themselves (mode `none`).
        chunk: pictures that pass in one batch.
        precision: of the network, as in `in_precision`; its estimates are fp32 whatever it is.
    """

    def __init__(
        self,
        denoiser: PoseDenoiser,
        tape: AttentionTape,
        reference: References | None,
        chunk: int,
        precision: str = "auto",
    ) -> None:
        self.denoiser, self.tape, self.chunk, self.precision = denoiser, tape, chunk, precision
        self.num_forwards = 0  # image forwards so far
        self.look_at(reference)

    def look_at(self, reference: References | None) -> None:
        """Let the views look at this from now on."""
        self._reference = reference
        self._recorded_at: float | None = None

    def __call__(
        self,
        x: Tensor,
        sigma: float,
        condition: PoseCondition,
        branches: Sequence[Branch] = (PLAIN,),
    ) -> list[Tensor]:
        """[V, C, H, W] views at one noise level → their clean estimates in each branch."""
        reference, rows = self._reference, []
        if reference is not None and self._recorded_at != sigma:
            self.tape.clear()
            self._recorded_at = sigma
            rows.append(_references(reference, sigma))
        rows += [_views(x, condition, branch, reference) for branch in branches]
        found = torch.cat([self._forward(batch, sigma) for batch in _chunks(rows, self.chunk)])
        return list(found[-len(branches) * len(x) :].split(len(x)))

    def alone(self, x: Tensor, sigma: float, condition: PoseCondition) -> Tensor:
        """Clean estimates of images [V, C, H, W] that see themselves."""
        rows = [_Rows(x, condition, Part(len(x)))]
        return torch.cat([self._forward(batch, sigma) for batch in _chunks(rows, self.chunk)])

    def _forward(self, batch: Sequence[_Rows], sigma: float) -> Tensor:
        x = channels_last(torch.cat([rows.x for rows in batch]))
        condition = join_conditions([rows.condition for rows in batch])
        self.num_forwards += len(x)
        attending = self.tape.attending(*(rows.part for rows in batch))
        with attending, in_precision(self.precision, x.device):
            return self.denoiser(x, x.new_full((len(x),), sigma), condition)


def _references(reference: References, sigma: float) -> _Rows:
    x, photos = reference.track.at(sigma), reference.photos
    return _Rows(x, reference.condition, Part(len(x), records=True, together=photos))


def _views(
    x: Tensor, condition: PoseCondition, branch: Branch, reference: References | None
) -> _Rows:
    told = condition if branch.posed else condition.null()
    if branch.blind:
        return _Rows(x, told, Part(len(x), Sees.BLIND))
    if reference is None:
        return _Rows(x, told, Part(len(x)))
    return _Rows(x, told, Part(len(x), Sees.RECORDED, branch.hard, objects=reference.objects))


def _chunks(everything: Sequence[_Rows], size: int) -> Iterator[list[_Rows]]:
    """In batches of at most `size`, but for photos of one object, which stay in one batch."""
    batch, room = list[_Rows](), size
    for rows in everything:
        unit, start = rows.part.together, 0
        while start < len(rows):
            if batch and room < unit:
                yield batch
                batch, room = [], size
            stop = min(start + max(1, room // unit) * unit, len(rows))
            batch.append(rows[start:stop])
            room -= stop - start
            start = stop
    if batch:
        yield batch
