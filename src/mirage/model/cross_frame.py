"""Cross-frame attention: the target views' queries look at the references' keys and values.

A `FrameAttention` replaces the processor of every self-attention layer of a diffusers UNet. All of
them read one `AttentionTape`: while it records, each layer stores the keys and values of the frames
that pass (the references); while it plays, each layer attends to what it stored instead of, or
beside, its own. The tape holds one solver step's keys and values and no more.

The soft form is A = softmax(q Kᵀ/√d) V; the hard form lets each query take the value of its single
best key, V[argmax(q Kᵀ)] (Cerkezi et al., arXiv 2312.04337, our reading of the hard attention).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum

import torch
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, normalize, scaled_dot_product_attention

# With unit queries and keys of norm around √d, score gaps above 1e-4 become exp(−100): one key
# wins. Scores stay below 1e8, far from fp32's overflow.
_HARD_SCALE = 1e6

_QUERIES_AT_ONCE = 1024  # where scores must be spelt out, which bounds how many are held


@dataclass(frozen=True)
class Sharpness:
    """How narrowly queries look.

    Attributes:
        temperature: of the softmax over keys, as a multiple of √d; 0 is argmax.
        best: how many of a query's best keys it sees; None: all.
    """

    temperature: float = 1.0
    best: int | None = None


SOFT, HARD = Sharpness(), Sharpness(temperature=0.0)


class TapeMode(Enum):
    OFF = "off"  # the stock self-attention
    RECORD = "record"  # stock, and store keys and values
    PLAY = "play"  # attend to the stored ones
    BLIND = "blind"  # each pixel sees itself alone


@dataclass
class Stored:
    """One layer's keys and values of the frames that passed.

    Attributes:
        key, value: [frames, heads, n, d].
        seen: [frames, 1, 1, n] bool, the keys that may be seen; None: all.
    """

    key: Tensor
    value: Tensor
    seen: Tensor | None = None

    def as_one(self) -> Stored:
        """All frames' keys and values as those of one frame: [1, heads, frames · n, d]."""
        seen = None if self.seen is None else self.seen.flatten()[None, None, None]
        key, value = (x.transpose(0, 1).flatten(1, 2)[None] for x in (self.key, self.value))
        return Stored(key, value, seen)


class AttentionTape:
    """What the layers' processors share: the mode, and the recorded keys and values of each layer.

    Args:
        joined: attend to the references' and the view's own keys together (`concat`) rather than to
            the references' alone (`replace`).
        sides: pixels a side of the feature maps that share attention; None: all that attend.
    """

    def __init__(self, joined: bool = False, sides: Sequence[int] | None = None) -> None:
        self.joined, self.sides = joined, sides
        self.sharpness = SOFT
        self.mode = TapeMode.OFF
        self.stored: dict[str, Stored] = {}
        self._together = False
        self._mask: Tensor | None = None

    @contextmanager
    def record(self, together: bool = False, mask: Tensor | None = None) -> Iterator[None]:
        """Store the keys and values of the frames that pass, dropping the last ones.

        Args:
            together: of several frames, let every view see all; else each view sees its own.
            mask: [frames, H, W] in [0, 1]; keys where it is below a half stay unseen.
        """
        self.stored.clear()
        self._together, self._mask = together, mask
        yield from self._during(TapeMode.RECORD, SOFT)

    @contextmanager
    def play(self, sharpness: Sharpness = SOFT) -> Iterator[None]:
        """Attend to the stored keys and values."""
        yield from self._during(TapeMode.PLAY, sharpness)

    @contextmanager
    def blind(self) -> Iterator[None]:
        """Let each pixel take its own value, as if it saw no other."""
        yield from self._during(TapeMode.BLIND, SOFT)

    def _during(self, mode: TapeMode, sharpness: Sharpness) -> Iterator[None]:
        self.mode, self.sharpness = mode, sharpness
        try:
            yield
        finally:
            self.mode, self.sharpness = TapeMode.OFF, SOFT

    def store(self, layer: str, key: Tensor, value: Tensor, size: tuple[int, int]) -> None:
        """Keep a layer's keys and values, of feature maps of height and width `size`."""
        stored = Stored(key, value)
        if self._mask is not None:
            covered = adaptive_avg_pool2d(self._mask, size).flatten(1)
            stored.seen = (covered >= 0.5)[:, None, None]
        self.stored[layer] = stored.as_one() if self._together else stored


def hard_attention(query: Tensor, key: Tensor, value: Tensor, seen: Tensor | None = None) -> Tensor:
    """V[argmax(q Kᵀ)] for each query, with no score matrix kept.

    Softmax attention with a very large scale is argmax attention. Queries are normalised first,
    which no argmax can see and which bounds the scores; all of it runs in fp32, because bf16 scores
    pick wrong keys. Keys that tie exactly share the query: their values are averaged.

    Args:
        query: [B, heads, n, d]. key, value: [B, heads, m, d].
        seen: bool, broadcast to [B, heads, n, m]; None: every query sees every key.
    """
    attended = scaled_dot_product_attention(
        normalize(query.float(), dim=-1), key.float(), value.float(), seen, scale=_HARD_SCALE
    )
    return attended.to(value.dtype)


def attend(
    sharpness: Sharpness, query: Tensor, key: Tensor, value: Tensor, seen: Tensor | None = None
) -> Tensor:
    """softmax(q Kᵀ / (τ √d)) V over the best keys; `hard_attention` at τ = 0. Shapes as there."""
    if sharpness.temperature == 0.0:
        return hard_attention(query, key, value, seen)
    scale = 1.0 / (sharpness.temperature * query.shape[-1] ** 0.5)
    if sharpness.best is None or sharpness.best >= key.shape[2]:
        return scaled_dot_product_attention(query, key, value, seen, scale=scale)
    parts = [
        scaled_dot_product_attention(
            part, key, value, best_keys(part, key, sharpness.best, seen), scale=scale
        )
        for part in query.split(_QUERIES_AT_ONCE, dim=2)
    ]
    return torch.cat(parts, dim=2)


def best_keys(query: Tensor, key: Tensor, count: int, seen: Tensor | None = None) -> Tensor:
    """[B, heads, n, m] bool: the `count` seen keys of highest score, more where scores tie."""
    scores = query.float() @ key.float().transpose(-1, -2)
    if seen is not None:
        scores = scores.masked_fill(~seen, -torch.inf)
    best: Tensor = scores >= scores.topk(count, dim=-1).values[..., -1:]
    return best if seen is None else best & seen


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
        tape = self.tape
        shares = tape.sides is None or height in tape.sides
        mode = tape.mode if shares or tape.mode is TapeMode.BLIND else TapeMode.OFF
        if mode is TapeMode.PLAY and not tape.joined:
            attended = self._look_at(self._stored(), query)
        elif mode is TapeMode.BLIND:
            attended = split_heads(attn.to_v(pixels))
        else:
            own = Stored(split_heads(attn.to_k(pixels)), split_heads(attn.to_v(pixels)))
            if mode is TapeMode.RECORD:
                tape.store(self.layer, own.key, own.value, (height, width))
            looked_at = joined(self._stored(), own) if mode is TapeMode.PLAY else own
            attended = self._look_at(looked_at, query)
        attended = attended.transpose(1, 2).flatten(2)
        projected = attn.to_out[1](attn.to_out[0](attended))
        output: Tensor = projected.transpose(1, 2).reshape(hidden_states.shape)
        if attn.residual_connection:
            output = output + hidden_states
        return output / attn.rescale_output_factor

    def _stored(self) -> Stored:
        """What the views look at: one frame for all of them, or as many frames as views."""
        return self.tape.stored[self.layer]

    def _look_at(self, stored: Stored, query: Tensor) -> Tensor:
        key, value = (x.expand(len(query), -1, -1, -1) for x in (stored.key, stored.value))
        return attend(self.tape.sharpness, query, key, value, stored.seen)


def joined(first: Stored, second: Stored) -> Stored:
    """The keys and values of both, of as many frames as `second` has."""
    frames = len(second.key)

    def together(a: Tensor, b: Tensor, dim: int) -> Tensor:
        return torch.cat([a.expand(frames, -1, -1, -1), b], dim=dim)

    key, value = together(first.key, second.key, 2), together(first.value, second.value, 2)
    if first.seen is None:
        return Stored(key, value)
    own = first.seen.new_ones(frames, 1, 1, second.key.shape[2])
    return Stored(key, value, together(first.seen, own, 3))


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
