"""Sampling in bf16: what is computed in it, what is not, and where it is chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from views_settings import views_config

from mirage.core.contracts import PosedPhoto, PoseRing
from mirage.model.denoiser import PoseDenoiser
from mirage.model.inference import in_precision
from mirage.sampler import precision
from mirage.sampler.orbit import sample_orbit
from mirage.sampler.precision import faster_precision, time_sampling

MakeDenoiser = Callable[..., PoseDenoiser]


def test_the_network_runs_in_what_was_asked_for_and_the_ode_in_fp32(
    make_denoiser: MakeDenoiser, ring: PoseRing, photo: np.ndarray
) -> None:
    denoiser, frames, state = make_denoiser(), {}, set[torch.dtype]()
    computed: set[torch.dtype] = set()
    denoiser.unet.down_blocks[0].register_forward_hook(lambda *x: computed.add(x[2][0].dtype))
    laid_out: list[bool] = []
    denoiser.unet.conv_in.register_forward_pre_hook(
        lambda _, args: laid_out.append(args[0].is_contiguous(memory_format=torch.channels_last))
    )

    def observe(step: int, sigma: float, clean: Tensor) -> None:
        state.add(clean.dtype)

    for asked, dtype in (("auto", torch.float32), ("bf16", torch.bfloat16)):
        computed.clear()
        config = views_config(mode="soft", steps=4, precision=asked)
        posed, azimuths = [PosedPhoto(photo, 1, 90.0)], np.array([0.0, 120.0])
        frames[asked] = sample_orbit(denoiser, ring, posed, azimuths, config, observe).frames
        assert computed == {dtype}
    assert state == {torch.float32} and all(laid_out)
    assert next(denoiser.parameters()).dtype == torch.float32
    away = np.abs(frames["auto"].astype(int) - frames["bf16"])
    assert 0 < away.mean() < 4


@pytest.mark.parametrize(("has_bf16", "dtype"), [(True, torch.bfloat16), (False, None)])
def test_a_gpu_takes_bf16_where_it_has_it(
    monkeypatch: pytest.MonkeyPatch, has_bf16: bool, dtype: torch.dtype | None
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: has_bf16)
    entered: list[tuple[Any, ...]] = []
    monkeypatch.setattr(torch, "autocast", lambda *args: entered.append(args))
    in_precision("auto", torch.device("cuda"))
    in_precision("auto", torch.device("cpu"))  # which is measured, or asked for by name
    in_precision("fp32", torch.device("cuda"))
    assert entered == ([] if dtype is None else [("cuda", dtype)])


@pytest.mark.parametrize(("seconds", "chosen"), [(0.5, "bf16"), (0.97, "fp32"), (2.0, "fp32")])
def test_on_a_cpu_with_bf16_what_is_faster_is_measured(
    make_denoiser: MakeDenoiser, monkeypatch: pytest.MonkeyPatch, seconds: float, chosen: str
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    monkeypatch.setattr(precision, "time_sampling", lambda _: {"fp32": 1.0, "bf16": seconds})
    found, why = faster_precision(make_denoiser())
    assert found == chosen and f"{seconds:.2f}" in why
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    assert faster_precision(make_denoiser()) == ("auto", "")


def test_measuring_runs_both_and_is_brief(make_denoiser: MakeDenoiser) -> None:
    denoiser, computed = make_denoiser(), list[torch.dtype]()
    denoiser.unet.down_blocks[0].register_forward_hook(lambda *x: computed.append(x[2][0].dtype))
    seconds = time_sampling(denoiser)
    assert set(computed) == {torch.float32, torch.bfloat16} and len(computed) <= 2 * (1 + 5)
    assert all(0 < value < 10 for value in seconds.values())


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(Exception, match="not a choice"):
        views_config(precision="fp8")
