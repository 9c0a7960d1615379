"""Attention proper: torch's, by the kernel that is fast where it runs."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    seen: Tensor | None = None,
    scale: float | None = None,
) -> Tensor:
    """torch's function of that name, of [B, heads, n, d] queries and [B, heads, m, d] keys.

    On a CPU a bf16 training computes it in fp32: there, the gradient by torch's bf16 kernel takes
    1.5 times as long at 256 keys, and 4 times at 64.
    """
    slow = query.device.type == "cpu" and query.dtype == torch.bfloat16 and query.requires_grad
    if not slow:
        return functional.scaled_dot_product_attention(query, key, value, seen, scale=scale)
    with torch.autocast("cpu", enabled=False):
        attended = functional.scaled_dot_product_attention(
            query.float(), key.float(), value.float(), seen, scale=scale
        )
    return attended.to(value.dtype)
