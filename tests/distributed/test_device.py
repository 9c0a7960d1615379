"""What a device is good at, and how it is told to be fast."""

from __future__ import annotations

import pytest
import torch

from mirage.distributed.device import computes_in_bf16, fast_kernels

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)


@pytest.mark.parametrize(("avx512", "amx"), [(False, False), (True, False), (False, True)])
def test_a_processor_has_bf16_where_it_has_instructions_for_it(
    avx512: bool, amx: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    assert computes_in_bf16(CPU) == (avx512 or amx)


@pytest.mark.parametrize("major", [7, 8])
def test_a_gpu_that_only_emulates_bf16_has_none(
    major: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Card:
        pass

    card = Card()
    card.major = major  # type: ignore[attr-defined]
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: card)
    monkeypatch.setattr(torch.cuda, "_check_bf16_tensor_supported", lambda device: True)
    assert computes_in_bf16(GPU) == (major >= 8)


@pytest.mark.parametrize("gpu", [False, True])
def test_a_gpu_is_told_to_be_fast_for_as_long_as_it_is_wanted(
    gpu: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told() -> tuple[str, bool]:
        return torch.get_float32_matmul_precision(), torch.backends.cudnn.benchmark

    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    before = told()
    with pytest.raises(KeyboardInterrupt), fast_kernels():
        assert told() == (("high", True) if gpu else before)
        raise KeyboardInterrupt
    assert told() == before == ("highest", False)
