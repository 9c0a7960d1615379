"""How good views of photos are: many held-out photos, each turned once, and turned back again.

    python benchmarks/quality/turned_once.py RUN [MODEL [KEY=VALUE ...]]

RUN has poses and held-out photos, MODEL is the name or the folder of weights that know its ring
(RUN/model), the keys are those of guidance, sampler and attention under `views`, in place of what
the weights bring; the mode is soft. `mirage evaluate` turns a few
photos all round, so that its sets are of a few objects; here every view is of another one, and FD
and KID tell more. Views are then turned back to where their photos were, and compared with these:
no truth of the view itself, but what was lost on the way is missing in the photo.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from held_out import AT_ONCE, HeldOut, in_parts, weights_of

from mirage.commands.running import status_of
from mirage.config import ViewsConfig
from mirage.config.load import load_config
from mirage.core.angles import circular_distance
from mirage.core.contracts import ByteArray, PoseCondition
from mirage.core.errors import MirageError
from mirage.distributed.device import device
from mirage.generation.view_reader import ViewReader
from mirage.generation.weights import as_advised
from mirage.metrics.views import NEAR, colour_distance, feature_distance, psnr
from mirage.model.denoiser import PoseDenoiser
from mirage.model.inference import ready
from mirage.sampler.export import load_pipeline
from mirage.sampler.single_views import sample_single_views
from mirage.sampler.targets import between_poses

_PHOTOS = 192
_ACT = ("guidance.pose.", "guidance.perturbed.", "sampler.", "attention=")
_HEAD = (
    "KID x 1000",
    "FD",
    "azimuth error",
    "within 15",
    "colour distance",
    "back: PSNR",
    "feature distance",
)


@torch.no_grad()
def main(run: str, model: str | None, changes: Sequence[str]) -> None:
    """Print one row."""
    weights = weights_of(run, model)
    views = _settings(weights, changes)
    pipeline = load_pipeline(weights)
    denoiser = ready(pipeline.denoiser, device()).eval()
    held_out = HeldOut.draw(run, _PHOTOS, denoiser.resolution)
    held_out.check_ring(weights)
    photos, others = (held_out.photos(ids) for ids in (held_out.some, held_out.others))

    low, high = pipeline.ring.span
    azimuth = (low + (high - low) * np.random.default_rng(1).random(len(photos))) % 360.0
    own = held_out.labels.azimuth[held_out.some].astype(float)
    there, back = (between_poses(pipeline.ring, where) for where in (azimuth, own))
    turned = _turn(denoiser, photos, back, there, views)
    again = _turn(denoiser, turned, there, back, views)

    reader = ViewReader.open(held_out.bank, held_out.framing)
    read = np.concatenate([reader.read(part).azimuth for part in in_parts(turned)])
    error = circular_distance(read, azimuth)
    fd, kid = held_out.distances(turned, held_out.pooled(others))
    colours = [
        colour_distance(photo, view[None])[0] for photo, view in zip(photos, turned, strict=True)
    ]
    lost, kept = (torch.cat(held_out.features(pictures)) for pictures in (again, photos))
    figures = (
        kid,
        fd,
        np.median(error),
        (error <= NEAR).mean(),
        np.mean(colours),
        psnr(again, photos).mean(),
        feature_distance(lost, kept).mean(),
    )
    print(f"{len(photos)} held-out photos, from {len(others)} others")
    print("  ".join(_HEAD))
    row = zip(_HEAD, figures, (1, 2, 1, 3, 3, 2, 3), strict=True)
    print("  ".join(f"{figure:{len(head)}.{digits}f}" for head, figure, digits in row))


def _settings(weights: Path, changes: Sequence[str]) -> ViewsConfig:
    """What the weights are turned with."""
    for word in changes:
        if not word.startswith(_ACT):
            raise MirageError(
                f"{word} changes nothing that is looked at here",
                where="the settings of views",
                todo=f"set KEY=VALUE, with keys that begin with {', '.join(_ACT)}",
            )
    config = load_config([f"views.{word}" for word in changes])
    return as_advised(config, weights).views


def _turn(
    denoiser: PoseDenoiser,
    pictures: ByteArray,
    own: PoseCondition,
    targets: PoseCondition,
    views: ViewsConfig,
) -> ByteArray:
    """Pictures [N, side, side, 3] in poses `own`, in those of `targets`."""
    shown = []
    for ids in torch.arange(len(pictures)).split(AT_ONCE):
        kept = denoiser.codec.keep(torch.from_numpy(pictures[ids]).to(device())).cpu().numpy()
        pick = partial(torch.index_select, dim=0, index=ids)
        there, where = (poses.map(pick) for poses in (own, targets))
        made = sample_single_views(denoiser, kept, there, where, views)
        shown.append(denoiser.codec.show(made).cpu().numpy())
    return np.concatenate(shown)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("run")
    parser.add_argument("words", nargs="*", metavar="MODEL KEY=VALUE")
    given = parser.parse_args()
    model = given.words[0] if given.words and "=" not in given.words[0] else None
    changes = given.words[1:] if model else given.words
    sys.exit(status_of(lambda: main(given.run, model, changes)))
