"""How good views of photos are: many held-out photos, each turned once, and turned back again.

    python benchmarks/quality/turned_once.py RUN [MODEL [KEY=VALUE ...]]

RUN has poses and held-out photos, MODEL is a folder of weights that know its ring (RUN/model), the
keys are those under `views`, in place of what the weights bring. `mirage evaluate` turns a few
photos all round, so that its sets are of a few objects; here every view is of another one, and FD
and KID tell more. Views are then turned back to where their photos were, and compared with these:
no truth of the view itself, but what was lost on the way is missing in the photo.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from held_out import AT_ONCE, HeldOut, in_parts
from omegaconf import OmegaConf

from mirage.commands.running import status_of
from mirage.config import ViewsConfig
from mirage.config.changes import changed
from mirage.core.angles import circular_distance
from mirage.core.contracts import ByteArray, PoseCondition
from mirage.core.errors import MirageError
from mirage.distributed.device import device
from mirage.generation.view_reader import ViewReader
from mirage.metrics.views import NEAR, colour_distance, feature_distance, psnr
from mirage.model.denoiser import PoseDenoiser
from mirage.model.inference import ready
from mirage.runs.folder import RunFolder
from mirage.sampler.export import load_pipeline, read_settings
from mirage.sampler.single_views import sample_single_views
from mirage.sampler.targets import between_poses

_PHOTOS = 192
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
def main(run: str, model: str | None = None, *changes: str) -> None:
    """Print one row."""
    weights = Path(model) if model else RunFolder(Path(run))["model"]
    views = changed(read_settings(weights), _parse(changes), "views")
    pipeline = load_pipeline(weights)
    denoiser = ready(pipeline.denoiser, device()).eval()
    held_out = HeldOut.draw(run, _PHOTOS, denoiser.resolution)
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


def _parse(changes: Sequence[str]) -> dict[str, Any]:
    """Key → value of words KEY=VALUE."""
    for word in changes:
        if "=" not in word:
            raise MirageError(
                f"{word!r} sets nothing",
                where="the settings of views",
                todo="write KEY=VALUE, as in guidance.pose.weight=1",
            )
    parts = (word.partition("=") for word in changes)
    return {key: OmegaConf.create(f"x: {value}").x for key, _, value in parts}


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
    sys.exit(status_of(lambda: main(*sys.argv[1:])))
