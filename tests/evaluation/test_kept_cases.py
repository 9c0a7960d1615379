"""What is kept of turned objects comes back as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mirage.core.errors import MirageError
from mirage.evaluation.kept_cases import KeptCase


def test_objects_come_back_as_they_were_and_damage_is_told(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    photo, soft, true = (
        random.integers(0, 256, shape, dtype=np.uint8)
        for shape in ((8, 8, 3), (3, 8, 8, 3), (3, 8, 8, 3))
    )
    rows, scores = (
        {"soft": soft, "true renders": true},
        {"soft": {"psnr": 18.5}, "true renders": {}},
    )
    azimuth, pose = np.array([0.0, 10.5, 350.0]), np.array([2, 0, 1])
    KeptCase("car 7", photo, 2, azimuth, pose, rows, scores).save(tmp_path)
    again = KeptCase.load(tmp_path)
    assert (again.name, again.photo_pose, again.scores) == ("car 7", 2, scores)
    assert again.azimuth.tolist() == azimuth.tolist() and again.pose.tolist() == [2, 0, 1]
    np.testing.assert_array_equal(again.photo, photo)
    assert list(again.rows) == list(rows)
    for row, frames in rows.items():
        np.testing.assert_array_equal(again.rows[row], frames)
    (tmp_path / "true_renders.png").write_bytes(b"half")
    with pytest.raises(MirageError, match="cannot be read"):
        KeptCase.load(tmp_path)
