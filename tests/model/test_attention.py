"""Attention is torch's, in the precision that the CPU is fast in."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from mirage.model import attention
from mirage.model.attention import scaled_dot_product_attention


def inputs(dtype: torch.dtype, requires_grad: bool) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    shape = (2, 3, 16, 8)
    return [
        torch.randn(shape, generator=generator).to(dtype).requires_grad_(requires_grad)
        for _ in range(3)
    ]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("trains", [False, True])
def test_it_is_softmax_of_the_scores_times_the_values(dtype: torch.dtype, trains: bool) -> None:
    query, key, value = inputs(dtype, trains)
    scores = query.double() @ key.double().transpose(-1, -2)
    seen = torch.rand(16, 16, generator=torch.Generator().manual_seed(1)) < 0.7
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        found = scaled_dot_product_attention(query, key, value, seen, scale=0.5)
    expected = (0.5 * scores).masked_fill(~seen, -torch.inf).softmax(-1) @ value.double()
    assert found.dtype == dtype
    assert torch.allclose(found.double(), expected, atol=1e-5 if dtype == torch.float32 else 2e-2)


@pytest.mark.parametrize(
    ("dtype", "trains", "computed"),
    [
        (torch.bfloat16, True, torch.float32),  # whose gradient is slow
        (torch.bfloat16, False, torch.bfloat16),
        (torch.float32, True, torch.float32),
    ],
)
def test_a_cpu_trains_it_in_fp32(
    dtype: torch.dtype, trains: bool, computed: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    types: list[tuple[torch.dtype, bool]] = []
    torchs = torch.nn.functional.scaled_dot_product_attention

    def spy(query: torch.Tensor, *rest: Any, **settings: Any) -> torch.Tensor:
        types.append((query.dtype, torch.is_autocast_enabled("cpu")))
        return torchs(query, *rest, **settings)

    monkeypatch.setattr(attention.functional, "scaled_dot_product_attention", spy)
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        scaled_dot_product_attention(*inputs(dtype, trains))
    # Autocast would make bf16 of it again.
    assert types == [(computed, computed == torch.bfloat16)]
