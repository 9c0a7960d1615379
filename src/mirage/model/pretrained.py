"""Starting from trained weights whose pose numbers came from another clustering.

Pose numbers are arbitrary from one clustering to the next. The embedding row of every new pose is
copied from the old pose that it stands for; where the two clusterings do not agree, the rows start
afresh and only the network and the azimuth features are taken over.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from mirage.core.errors import MirageError
from mirage.model.denoiser import PoseDenoiser


def start_from(
    denoiser: PoseDenoiser, trained: PoseDenoiser, mapping: Sequence[int] | None
) -> None:
    """Copy `trained` into `denoiser`, whose poses may be other ones.

    Args:
        mapping: [K_new] the trained pose that each new pose stands for; None leaves the pose
            rows as they are.

    Raises:
        MirageError: the two networks differ in shape, or the mapping does not fit the poses.
    """
    if mapping is not None:
        _check_mapping(mapping, denoiser.num_poses, trained.num_poses)
    try:
        denoiser.unet.load_state_dict(trained.unet.state_dict())
        denoiser.embedding.azimuth.load_state_dict(trained.embedding.azimuth.state_dict())
    except RuntimeError as error:
        raise MirageError(
            "the pretrained network has another shape than model.* and data.resolution ask for",
            where="configuration keys pretrained, model",
            todo="use the model settings of the pretrained weights' card, or pretrained=null",
        ) from error
    with torch.no_grad():
        rows, trained_rows = denoiser.embedding.pose.weight, trained.embedding.pose.weight
        rows[-1] = trained_rows[-1]  # the null pose is the same everywhere
        if mapping is not None:
            rows[:-1] = trained_rows[torch.as_tensor(list(mapping))]


def _check_mapping(mapping: Sequence[int], num_new: int, num_trained: int) -> None:
    if len(mapping) != num_new:
        problem = f"the mapping is of {len(mapping)} poses, the model has {num_new}"
    elif not all(0 <= pose < num_trained for pose in mapping):
        problem = f"the mapping {list(mapping)} names poses outside 0 to {num_trained - 1}"
    else:
        return
    raise MirageError(
        problem,
        where="the run's poses and its pretrained weights",
        todo="run `mirage poses` again with the same pretrained=",
    )
