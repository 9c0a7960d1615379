"""Every bit of an encoder comes back from its file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from mirage.parts.codebook import PartCodebook
from mirage.parts.foreground import Foreground
from mirage.poses.description.descriptor import LayoutEncoder
from mirage.poses.description.encoder_file import load_encoder, save_encoder


def test_a_saved_encoder_describes_as_before(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    codebook = PartCodebook(normal(6), normal(6, 4), normal(5, 4), 0.07)
    encoder = LayoutEncoder(
        codebook,
        Foreground(normal(6), 0.3),
        rng.random(5).astype(np.float32),
        3,
        normal(45),
        normal(45, 8),
    )
    save_encoder(tmp_path / "encoder.npz", encoder)
    loaded = load_encoder(tmp_path / "encoder.npz")
    assert (loaded.grid, loaded.codebook.temperature) == (3, 0.07)
    features = torch.from_numpy(normal(2, 4, 4, 6))
    np.testing.assert_array_equal(loaded(features), encoder(features))
    torch.testing.assert_close(loaded.masks(features), encoder.masks(features), rtol=0, atol=0)
