"""Cross-frame attention: the target views' queries look at the reference's keys and values.

A `FrameAttention` replaces the processor of every self-attention layer of a diffusers UNet. All of
them read one `AttentionTape`: while it records, each layer stores the keys and values of the frame
that passes (the reference); while it plays, each layer attends to what it stored instead of, or
beside, its own. The tape holds one solver step's keys and values and no more.

The soft form is A = softmax(q Kᵀ/√d) V; the hard form lets each query take the value of its single
best key, V[argmax(q Kᵀ)] (Cerkezi et al., arXiv 2312.04337, our reading of the hard attention).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum

import torch
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn
from torch.nn.functional import normalize, scaled_dot_product_attention

# With unit queries and keys of norm around √d, score gaps above 1e-4 become exp(−100): one key
# wins. Scores stay below 1e8, far from fp32's overflow.
_HARD_SCALE = 1e6


class TapeMode(Enum):
    OFF = "off"  # the stock self-attention
    RECORD = "record"  # stock, and store keys and values
    PLAY = "play"  # attend to the stored ones


class AttentionTape:
    """What the layers' processors share: the mode, and one frame's keys and values a layer.

    Args:
        joined: attend to the reference's and the view's own keys together (`concat`) rather than to
            the reference's alone (`replace`).
        sides: pixels a side of the feature maps that share attention; None: all that attend.
    """

    def __init__(self, joined: bool = False, sides: Sequence[int] | None = None) -> None:
        self.joined, self.sides = joined, sides
        self.temperature = 1.0
        self.mode = TapeMode.OFF
        self.stored: dict[str, tuple[Tensor, Tensor]] = {}

    @contextmanager
    def record(self) -> Iterator[None]:
        """Store the keys and values of the frame that passes, dropping the last ones."""
        self.stored.clear()
        yield from self._during(TapeMode.RECORD, 1.0)

    @contextmanager
    def play(self, temperature: float = 1.0) -> Iterator[None]:
        """Attend to the stored keys and values: at 1 softly, at 0 by argmax."""
        yield from self._during(TapeMode.PLAY, temperature)

    def _during(self, mode: TapeMode, temperature: float) -> Iterator[None]:
        self.mode, self.temperature = mode, temperature
        try:
            yield
        finally:
            self.mode, self.temperature = TapeMode.OFF, 1.0


def hard_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """V[argmax(q Kᵀ)] for each query, with no score matrix kept.

    Softmax attention with a very large scale is argmax attention. Queries are normalised first,
    which no argmax can see and which bounds the scores; all of it runs in fp32, because bf16 scores
    pick wrong keys. Keys that tie exactly share the query: their values are averaged.

    Args:
        query: [B, heads, n, d]. key, value: [B, heads, m, d].
    """
    attended = scaled_dot_product_attention(
        normalize(query.float(), dim=-1), key.float(), value.float(), scale=_HARD_SCALE
    )
    return attended.to(value.dtype)


def attention_at(temperature: float, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """softmax(q Kᵀ / (τ √d)) V; `hard_attention` at τ = 0. Shapes as there."""
    if temperature == 0.0:
        return hard_attention(query, key, value)
    scale = 1.0 / (temperature * query.shape[-1] ** 0.5)
    return scaled_dot_product_attention(query, key, value, scale=scale)


class FrameAttention:
    """Attention processor of one self-attention layer; does what its tape says.

    With the tape off it computes what diffusers' AttnProcessor2_0 computes for the 4-D inputs of
    UNet2DModel: group norm, self-attention over pixels, output projection, residual.
    """

    def __init__(self, tape: AttentionTape, layer: str) -> None:
        self.tape, self.layer = tape, layer

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        """[B, C, H, W] → [B, C, H, W]; the signature is diffusers', the last three are unused."""
        batch, channels, height, width = hidden_states.shape
        pixels = hidden_states.reshape(batch, channels, height * width).transpose(1, 2)
        if attn.group_norm is not None:  # diffusers' middle block has none beside scale and shift
            pixels = attn.group_norm(pixels.transpose(1, 2)).transpose(1, 2)

        def split_heads(x: Tensor) -> Tensor:  # [B, n, C] → [B, heads, n, d]
            return x.unflatten(2, (attn.heads, -1)).transpose(1, 2)

        query = split_heads(attn.to_q(pixels))
        shares = self.tape.sides is None or height in self.tape.sides
        mode = self.tape.mode if shares else TapeMode.OFF
        if mode is TapeMode.PLAY and not self.tape.joined:
            key, value = self._stored(len(pixels))
        else:
            key, value = split_heads(attn.to_k(pixels)), split_heads(attn.to_v(pixels))
        if mode is TapeMode.RECORD:
            self.tape.stored[self.layer] = (key, value)
        elif mode is TapeMode.PLAY and self.tape.joined:
            reference_key, reference_value = self._stored(len(pixels))
            key = torch.cat([reference_key, key], dim=2)
            value = torch.cat([reference_value, value], dim=2)
        temperature = self.tape.temperature if mode is TapeMode.PLAY else 1.0
        attended = attention_at(temperature, query, key, value).transpose(1, 2).flatten(2)
        projected = attn.to_out[1](attn.to_out[0](attended))
        output: Tensor = projected.transpose(1, 2).reshape(hidden_states.shape)
        if attn.residual_connection:
            output = output + hidden_states
        return output / attn.rescale_output_factor

    def _stored(self, batch: int) -> tuple[Tensor, Tensor]:
        """The reference's keys and values, for each of `batch` views: one frame's for all of them,
        or as many frames as views, each for its own."""
        key, value = (x.expand(batch, -1, -1, -1) for x in self.tape.stored[self.layer])
        return key, value


@contextmanager
def taped(unet: nn.Module, tape: AttentionTape) -> Iterator[AttentionTape]:
    """Put every attention layer of `unet` on `tape`, and the old processors back after."""
    layers = {
        name: module for name, module in unet.named_modules() if isinstance(module, Attention)
    }
    stock = {name: module.processor for name, module in layers.items()}
    for name, module in layers.items():
        module.set_processor(FrameAttention(tape, name))
    try:
        yield tape
    finally:
        for name, module in layers.items():
            module.set_processor(stock[name])
        tape.stored.clear()
