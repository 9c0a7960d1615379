"""What a training learns from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mirage.config import Config
from mirage.contracts import PoseLabels
from mirage.stages.learn.training_data import without_outliers
from mirage.stages.training import identify


@pytest.mark.parametrize(("strange", "kept"), [([1, 4], [0, 2]), ([0, 2, 4], [0, 2, 4])])
def test_outliers_are_left_out_unless_there_is_nothing_else(
    strange: list[int], kept: list[int]
) -> None:
    outlier = np.isin(np.arange(6), strange)
    one = np.zeros(6)
    labels = PoseLabels(one.astype(int), one, one, one[:, None].astype(int), one[:, None], outlier)
    assert without_outliers(np.array([0, 2, 4]), labels).tolist() == kept


def test_what_does_not_change_a_training_does_not_tell_it_from_another() -> None:
    config = Config()
    elsewhere = replace(config, data=replace(config.data, gpu_memory=0.9))
    assert identify(elsewhere, "poses") == identify(config, "poses")
    other = replace(config, data=replace(config.data, balance=0.9))
    assert identify(other, "poses") != identify(config, "poses")
