"""Objects fitted on a GPU: right devices, and a known number of waits a step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from synthetic.solids import field_of, van, views_of
from virtual_gpu import Tally, VirtualGPU

from mirage.shape.cameras import OrbitCameras
from mirage.shape.field import VoxelField
from mirage.shape.fit import FitSettings, fit_field
from mirage.shape.reconstruct import reconstruct
from mirage.shape.views import ObjectViews

pytestmark = pytest.mark.virtual_gpu
SETTINGS = FitSettings(voxels=(1000,), steps=2, rays=64)
# How far the rays go that leave the box last, and which samples are near it, near the surface and
# lit: what is looked up are these alone.
WAITS = 4


@pytest.fixture(scope="module")
def views() -> ObjectViews:
    return views_of(field_of(van()), 6, 16, 15.0)


def fitted(gpu: VirtualGPU, views: ObjectViews, steps: int) -> Tally:
    with gpu.count() as tally, torch.device("cuda"):
        cameras = OrbitCameras(views.azimuth, 15.0)
        fit_field(views, cameras, replace(SETTINGS, steps=steps))
    return tally


def check_fitting(few: Tally, many: Tally, steps: int) -> None:
    """Fails where `steps` more steps of a fit wait more often than is known."""
    assert many.num_operations > few.num_operations
    assert many.num_syncs - few.num_syncs <= WAITS * steps, f"{many}"
    assert many.num_uploads <= few.num_uploads, f"{many}"  # the first fit copies a kernel


def test_steps_of_a_fit(gpu: VirtualGPU, views: ObjectViews) -> None:
    check_fitting(fitted(gpu, views, 2), fitted(gpu, views, 4), 2)


def test_a_step_that_waits_once_more_is_found(
    gpu: VirtualGPU, views: ObjectViews, monkeypatch: pytest.MonkeyPatch
) -> None:
    def speckle(field: VoxelField) -> torch.Tensor:
        return field.colour.sum() * float(field.reach[0])

    monkeypatch.setattr(VoxelField, "speckle", speckle)
    few, many = (fitted(gpu, views, steps) for steps in (2, 4))
    with pytest.raises(AssertionError, match=r"test_reconstruction\.py:\d+: item"):
        check_fitting(few, many, 2)


def test_an_object_is_that_of_the_cpu(gpu: VirtualGPU, views: ObjectViews) -> None:
    made = reconstruct(views, SETTINGS, "cuda")
    own = reconstruct(views, SETTINGS, "cpu")
    assert not made.field.raw.is_cuda and not made.cameras.turn.is_cuda
    np.testing.assert_allclose(made.silhouette_iou, own.silhouette_iou, atol=0.02)
    assert [trial.elevation for trial in made.tried] == [t.elevation for t in own.tried]
