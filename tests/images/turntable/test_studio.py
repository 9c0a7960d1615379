"""Rendering leaves the process fit for what comes after it."""

from __future__ import annotations

import subprocess
import sys

import pytest

RENDERS = """
from mirage.images.turntable.objects import sample_objects
from mirage.images.turntable.pictures import render
render(sample_objects("mugs", 1, seed=0)[0], 0.0, 16)
import torchvision
print("whole")
"""


@pytest.mark.e2e
def test_torchvision_can_be_imported_after_a_picture_was_taken() -> None:
    done = subprocess.run([sys.executable, "-c", RENDERS], capture_output=True, text=True)
    assert done.stdout == "whole\n", done.stderr[-2000:]
