"""One random stream per reference and view, keyed by what they are and not by where they stand.

A view's own noise depends on the seed, the reference photo and the azimuth asked for. It does not
depend on which other views are asked for, their order, the batch or the rank.

The views of one object start from the noise that its photo inverts to. In the flow of a model that
is told the pose, the pose need not be in the noise: what is left there is which object it is, so
that the same noise in another pose is the same object turned.
"""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from torch import Generator, Tensor

from mirage.core.angles import circular_distance
from mirage.core.contracts import ByteArray, FloatArray

_NEAR = 10.0  # degrees


def keyed_generator(*key: object) -> Generator:
    """A CPU generator seeded by a hash of `key`; equal keys give equal streams on any machine."""
    digest = hashlib.sha256(repr(key).encode()).digest()
    return Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)


def image_key(image: ByteArray) -> str:
    """A hash of an image's pixels ([H, W, 3] uint8), to key its stream."""
    return hashlib.sha256(np.ascontiguousarray(image).tobytes()).hexdigest()[:16]


def view_noise(seed: int, reference: str, azimuths: list[float], shape: tuple[int, ...]) -> Tensor:
    """[V, *shape] standard normal, one stream per azimuth (to a thousandth of a degree)."""
    return torch.stack(
        [
            torch.randn(
                shape, generator=keyed_generator(seed, reference, round(a * 1000) % 360_000)
            )
            for a in azimuths
        ]
    )


def reference_noise(seed: int, reference: str, shape: tuple[int, ...]) -> Tensor:
    """[1, *shape] standard normal, the reference's own stream."""
    return torch.randn((1, *shape), generator=keyed_generator(seed, reference, "reference"))


def nearest_noise(noises: Tensor, own: FloatArray, asked: FloatArray) -> Tensor:
    """What V views start from, of R photos: the noises of those near in azimuth, above all.

    A photo counts in proportion to 1 / (10° + its distance)²; the sum is as strong as each is.

    Args:
        noises: [R, C, H, W], what the photos invert to.
        own: [R] azimuths of the photos. asked: [V] of the views; degrees.

    Returns:
        [V, C, H, W], or [1, C, H, W] of a single photo.
    """
    if len(noises) == 1:
        return noises
    distance = circular_distance(np.asarray(asked)[:, None], np.asarray(own)[None])
    weight = torch.from_numpy(1.0 / (_NEAR + distance) ** 2).to(noises)
    mixed = torch.einsum("vr,rchw->vchw", weight, noises)
    strength = noises.flatten(1).norm(dim=1).mean()
    return mixed * (strength / mixed.flatten(1).norm(dim=1))[:, None, None, None]


def mix_noise(own: Tensor, reference: Tensor, share: float) -> Tensor:
    """`share` of the reference's noise in each view's own: again normal, with that correlation.

    Args:
        own: [V, C, H, W] standard normal. reference: [V, C, H, W] or [1, C, H, W], about
            standard normal.
        share: in [0, 1].
    """
    return share * reference + (1.0 - share**2) ** 0.5 * own
