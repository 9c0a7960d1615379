"""What a model framed small is looked at closer: its height is told finer than at a first look."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from mirage.core.contracts import ByteArray, FloatArray, Frame, Framing
from mirage.generation.view_reader import ViewReader

_SIDE = 256  # pixels of a view


def bright_box(height: int) -> ByteArray:
    """[1, H, W, 3] a view with a bright box of so many pixels' height."""
    view = np.full((1, _SIDE, _SIDE, 3), 30, np.uint8)
    top = (_SIDE - height) // 2
    view[:, top : top + height, 88:168] = 220
    return view


class Coarse:
    """A backbone whose features are the brightness of 16 × 16 patches."""

    size = 128

    def __call__(self, pictures: ByteArray) -> torch.Tensor:
        bright = torch.from_numpy(pictures).float().mean(dim=3)[:, None] / 255.0
        return F.adaptive_avg_pool2d(bright, 16)[:, 0]


def errors(framing: Framing) -> FloatArray:
    """[n] of the heights of boxes as a reader tells them, in shares of their heights."""
    backbone: Any = Coarse()
    bank: Any = SimpleNamespace(masks=lambda features: features, assign=lambda features: features)
    reader = ViewReader(bank, backbone, framing)
    told = []
    for height in range(37, 47):
        view = bright_box(height)
        (frame,) = reader.look_at(view, backbone(view))[1]
        assert frame is not None
        told.append(frame.height * _SIDE / height - 1.0)
    return np.abs(told)


def test_heights_are_those_of_the_closer_look() -> None:
    usual, small = Frame(0.5, 0.5, 0.8, 0.8), Frame(0.5, 0.5, 0.3, 0.3)
    closer, first = errors(Framing(usual, 1.0, small)), errors(Framing(usual, 1.0, None))
    assert closer.max() < 0.5 * first.max()
