"""A bank in a smaller file reads as it did."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from mirage.core.angles import circular_distance
from mirage.core.errors import MirageError
from mirage.generation.pretrained import shipped
from mirage.poses.bank_file import load_bank, save_bank
from mirage.sampler.export import BANK


def test_a_small_file_reads_photos_as_the_large_one_does(tmp_path: Path) -> None:
    bank = load_bank(shipped()["turntable_cars"] / BANK)
    save_bank(bank, tmp_path / "large")
    save_bank(bank, tmp_path / "small", small=True)
    sizes = [(tmp_path / name).stat().st_size for name in ("small", "large")]
    assert sizes[0] < 0.7 * sizes[1]
    small = load_bank(tmp_path / "small")
    assert small.encoder.basis.dtype == np.float32
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(40, 10, 10, len(bank.encoder.codebook.mean), generator=generator)
    features = torch.nn.functional.normalize(features, dim=-1)
    read, again = bank.assign(features), small.assign(features)
    assert np.mean(read.pose == again.pose) > 0.9
    assert np.median(circular_distance(read.azimuth, again.azimuth)) < 1.0


def test_one_bank_is_one_file_however_often_it_is_saved(tmp_path: Path) -> None:
    """By its hash a run tells whether its poses were found anew."""
    bank = load_bank(shipped()["turntable_cars"] / BANK)
    for name in range(8):
        save_bank(bank, tmp_path / str(name))
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


def test_another_safetensors_file_is_no_bank(tmp_path: Path) -> None:
    save_file({"a": np.zeros(3)}, tmp_path / "other")
    with pytest.raises(MirageError, match="its format is None"):
        load_bank(tmp_path / "other")
