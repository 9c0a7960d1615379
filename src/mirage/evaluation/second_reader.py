"""A second reader of azimuths: a small network that learns the run's labels from pixels.

The bank that made the labels of a training also reads the views that come of it. This one knows
the labels too, but not by the bank's features, so what pleases the bank alone does not please it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mirage.core.angles import circular_distance
from mirage.core.contracts import HELDOUT, TRAIN, ByteArray, FloatArray, IntArray, PoseLabels
from mirage.core.progress import show_progress
from mirage.images.image_set import ImageSet

_SIDE = 48  # pixels
_BINS = 36  # of the circle
_SPREAD = 10.0  # degrees: standard deviation of the azimuths that a label stands for
_MOST = 8000  # photos learned from
_BATCH, _EPOCHS, _MOST_STEPS = 64, 12, 800
_RATE = 2e-3
_JITTER = 0.3  # gain and offset of each colour, drawn up to so much


@dataclass(frozen=True)
class SecondReader:
    """Reads azimuths on the run's ring.

    Attributes:
        error: median error on held-out photos, degrees, with their labels for the truth; NaN where
            none is held out.
    """

    network: nn.Module
    error: float = float("nan")

    @torch.no_grad()
    def __call__(self, photos: ByteArray) -> FloatArray:
        """[B, H, W, 3] uint8 of any size → [B] degrees in [0, 360)."""
        weight = self.network(_shrink(photos)).softmax(dim=1).numpy()
        around = weight + np.roll(weight, 1, axis=1) + np.roll(weight, -1, axis=1)
        best = around.argmax(axis=1)
        near = (best[:, None] + np.array([-1, 0, 1])) % _BINS
        share = np.take_along_axis(weight, near, axis=1)
        shift = (share @ np.array([-1.0, 0.0, 1.0])) / np.maximum(share.sum(axis=1), 1e-12)
        return np.asarray((best + shift) * (360.0 / _BINS) % 360.0)


def fit_second_reader(
    images: ImageSet, labels: PoseLabels, flipped: PoseLabels | None, seed: int
) -> SecondReader:
    """Learn from training photos and their mirror images; takes a minute.

    Args:
        images: as the model sees them.
        labels, flipped: of all images, and of their mirror images where these have any.
    """
    train, held_out = (_usable(images.ids(part), labels) for part in (TRAIN, HELDOUT))
    drawn = np.sort(np.random.default_rng(seed).permutation(train)[:_MOST])
    pixels, unseen = _read(images, drawn), _read(images, held_out[:_MOST])
    sides = [of.take(drawn) for of in (labels, flipped) if of is not None]
    network = _train(pixels, sides, seed)
    reader = SecondReader(network)
    if len(unseen) == 0:
        return reader
    away = circular_distance(reader(unseen), labels.azimuth[held_out[:_MOST]])
    return SecondReader(network, float(np.median(away)))


def _usable(ids: IntArray, labels: PoseLabels) -> IntArray:
    return ids[~labels.outlier[ids]]


def _read(images: ImageSet, ids: IntArray) -> ByteArray:
    batches = images.batches(ids, _SIDE, 256)
    shown = show_progress(batches, "photos for the second reader", -(-len(ids) // 256))
    found = [photos for _, photos in shown]
    return np.concatenate(found) if found else np.empty((0, _SIDE, _SIDE, 3), np.uint8)


def _train(pixels: ByteArray, sides: Sequence[PoseLabels], seed: int) -> nn.Module:
    """On photos as they are labelled, and on their mirror images if these are the second side."""
    rng = np.random.default_rng([seed, 1])
    steps = min(_MOST_STEPS, max(1, _EPOCHS * len(pixels) // _BATCH))
    azimuth = np.stack([side.azimuth for side in sides])
    confidence = np.stack([side.confidence for side in sides])
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)  # of the first weights, and of dropout
        network = _build()
        optimizer = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=0.05)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=steps)
        for _ in show_progress(range(steps), "second reader", steps):
            rows = rng.integers(len(pixels), size=min(_BATCH, len(pixels)))
            turned = rng.integers(len(sides), size=len(rows))
            shown = pixels[rows]
            shown[turned == 1] = shown[turned == 1, :, ::-1]
            logits = network(_jittered(_shrink(shown), rng))
            target = torch.from_numpy(_targets(azimuth[turned, rows]))
            loss = -(target * logits.log_softmax(dim=1)).sum(dim=1)
            weight = torch.from_numpy(confidence[turned, rows].astype(np.float32))
            (loss * weight).mean().backward()
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
    return network.eval()


def _build() -> nn.Module:
    layers: list[nn.Module] = []
    before = 3
    for width in (32, 64, 96, 128):
        layers += [nn.Conv2d(before, width, 3, 2, 1), nn.BatchNorm2d(width), nn.ReLU()]
        before = width
    return nn.Sequential(*layers, nn.Dropout2d(0.1), nn.Flatten(), nn.Linear(before * 9, _BINS))


def _targets(azimuth: FloatArray) -> FloatArray:
    """[B] degrees → [B, _BINS] distributions over the circle."""
    centres = np.arange(_BINS) * 360.0 / _BINS
    away = circular_distance(azimuth[:, None], centres[None])
    share = np.exp(-0.5 * (away / _SPREAD) ** 2)
    return np.asarray(share / share.sum(axis=1, keepdims=True), np.float32)


def _jittered(photos: Tensor, rng: np.random.Generator) -> Tensor:
    gain, offset = rng.uniform(-_JITTER, _JITTER, (2, len(photos), 3, 1, 1)).astype(np.float32)
    return photos * torch.from_numpy(1 + gain) + torch.from_numpy(offset)


def _shrink(photos: ByteArray) -> Tensor:
    batch = torch.from_numpy(np.ascontiguousarray(photos)).permute(0, 3, 1, 2).float() / 127.5 - 1
    return F.interpolate(batch, (_SIDE, _SIDE), mode="bilinear", antialias=True)
