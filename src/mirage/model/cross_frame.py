"""Cross-frame attention: the target views' queries look at the references' keys and values.

A `FrameAttention` replaces the processor of every self-attention layer of a diffusers UNet. All of
them read one `AttentionTape`, which says of each part of a batch how it attends. Frames of one part
(the references) leave their keys and values on the tape; the pictures of a later part, in the same
pass or in one after it, attend to those instead of, or beside, their own. The tape holds one solver
step's keys and values and no more.

The soft form is A = softmax(q Kᵀ/√d) V; the hard form lets each query take the value of its single
best key, V[argmax(q Kᵀ)] (Cerkezi et al., arXiv 2312.04337, our reading of the hard attention).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from enum import Enum

import torch
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn
from torch.nn.functional import normalize

from mirage.model.attention import scaled_dot_product_attention

# With unit queries and keys of norm around √d, score gaps above 1e-4 become exp(−100): one key
# wins. Scores stay below 1e8, far from fp32's overflow.
_HARD_SCALE = 1e6


class Sees(Enum):
    """What pictures of a batch attend to."""

    OWN = "own"  # themselves: the stock self-attention
    RECORDED = "recorded"  # the frames on the tape
    BLIND = "blind"  # each pixel sees itself alone


@dataclass(frozen=True)
class Part:
    """Successive pictures of a batch, and how they attend.

    Attributes:
        rows: how many; None: all there are.
        sees: what they attend to. hard: each query takes its best key's value, where that is the
            tape.
        records: whether their own keys and values go onto the tape, for the parts after them too.
        together: frames recorded that are of one object, of which whoever looks at it sees all.
        objects: [rows] int64, which of the objects on the tape each picture looks at; None: all at
            the only one, or each at one of its own.
    """

    rows: int | None = None
    sees: Sees = Sees.OWN
    hard: bool = False
    records: bool = False
    together: int = 1
    objects: Tensor | None = None

    def __getitem__(self, rows: slice) -> Part:
        """Some of the pictures."""
        objects = None if self.objects is None else self.objects[rows]
        return replace(self, rows=rows.stop - rows.start, objects=objects)


@dataclass(frozen=True)
class Stored:
    """One layer's keys and values, [B, heads, n, d] of B objects or pictures."""

    key: Tensor
    value: Tensor

    def together(self, frames: int) -> Stored:
        """Every `frames` successive ones as one: [B / frames, heads, frames · n, d]."""
        if frames == 1:
            return self
        return self.map(lambda x: x.unflatten(0, (-1, frames)).transpose(1, 2).flatten(2, 3))

    def of(self, objects: Tensor | None, rows: int) -> Stored:
        """What each of `rows` pictures looks at (see `Part.objects`)."""
        if objects is None:
            return self.map(lambda x: x.expand(rows, -1, -1, -1))
        return self.map(lambda x: x[objects])

    def map(self, change: Callable[[Tensor], Tensor]) -> Stored:
        """With each of its tensors changed."""
        return Stored(change(self.key), change(self.value))


class AttentionTape:
    """What the layers' processors share: how a batch attends, and what each layer has recorded.

    Args:
        joined: attend to the references' and the view's own keys together (`concat`) rather than to
            the references' alone (`replace`).
    """

    def __init__(self, joined: bool = False) -> None:
        self.joined = joined
        self.parts: Sequence[Part] = (Part(),)
        self.stored: dict[str, Stored] = {}

    @contextmanager
    def attending(self, *parts: Part) -> Iterator[None]:
        """Let the pictures of each batch attend as its parts say; recorded ones join the tape."""
        self.parts = parts
        try:
            yield
        finally:
            self.parts = (Part(),)

    def clear(self) -> None:
        """Forget what was recorded."""
        self.stored.clear()

    @contextmanager
    def record(self) -> Iterator[None]:
        """Store the keys and values of the frames that pass, dropping the last ones."""
        self.clear()
        with self.attending(Part(records=True)):
            yield

    @contextmanager
    def play(self, hard: bool = False) -> Iterator[None]:
        """Attend to what is stored: all to the only frame, or each to its own."""
        with self.attending(Part(sees=Sees.RECORDED, hard=hard)):
            yield

    def store(self, layer: str, part: Part, own: Stored) -> None:
        """Add a part's keys and values."""
        new, old = own.together(part.together), self.stored.get(layer)
        self.stored[layer] = new if old is None else both(old, new, dim=0)


def hard_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """V[argmax(q Kᵀ)] for each query, with no score matrix kept.

    Softmax attention with a very large scale is argmax attention. Queries are normalised first,
    which no argmax can see and which bounds the scores; all of it runs in fp32, under autocast too,
    because bf16 scores pick wrong keys. Keys that tie exactly share the query: their values are
    averaged.

    Args:
        query: [B, heads, n, d]. key, value: [B, heads, m, d].
    """
    with _in_fp32(query.device):
        attended = scaled_dot_product_attention(
            normalize(query.float(), dim=-1), key.float(), value.float(), scale=_HARD_SCALE
        )
    return attended.to(value.dtype)


def _in_fp32(device: torch.device) -> AbstractContextManager[object]:
    """Autocast is off inside; it would bring fp32 operands down again."""
    if torch.is_autocast_enabled(device.type):
        return torch.autocast(device.type, enabled=False)
    return nullcontext()


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
        _, _, height, width = hidden_states.shape
        normed = hidden_states  # diffusers' middle block has no norm beside scale and shift
        if attn.group_norm is not None:
            normed = attn.group_norm(normed)
        pixels = normed.flatten(2).transpose(1, 2)
        attended, start = [], 0
        for part in self.tape.parts:
            stop = len(pixels) if part.rows is None else start + part.rows
            attended.append(self._attend(attn, part, pixels[start:stop]))
            start = stop
        found = attended[0] if len(attended) == 1 else torch.cat(attended)
        projected = attn.to_out[1](attn.to_out[0](found.transpose(1, 2).flatten(2)))
        output: Tensor = projected.transpose(1, 2).unflatten(2, (height, width))
        if attn.residual_connection:
            output = output + hidden_states
        return output / attn.rescale_output_factor

    def _attend(self, attn: Attention, part: Part, pixels: Tensor) -> Tensor:
        """What the pixels [B, n, C] of one part of the batch take in: [B, heads, n, d]."""

        def heads_of(project: nn.Module) -> Tensor:  # [B, n, C] → [B, heads, n, d]
            return project(pixels).unflatten(2, (attn.heads, -1)).transpose(1, 2)

        tape = self.tape
        if part.sees is Sees.BLIND:
            return heads_of(attn.to_v)
        stored = None
        if part.sees is Sees.RECORDED:
            stored = tape.stored[self.layer].of(part.objects, len(pixels))
        if stored is not None and not tape.joined:
            looked_at = stored
        else:
            own = Stored(heads_of(attn.to_k), heads_of(attn.to_v))
            if part.records:
                tape.store(self.layer, part, own)
            looked_at = own if stored is None else both(stored, own, dim=2)
        attention = hard_attention if part.hard else scaled_dot_product_attention
        return attention(heads_of(attn.to_q), looked_at.key, looked_at.value)


def both(first: Stored, second: Stored, dim: int) -> Stored:
    """The keys and values of both: of more objects (dim 0), or more of as many pictures (dim 2)."""
    pairs = (first.key, second.key), (first.value, second.value)
    key, value = (torch.cat(pair, dim) for pair in pairs)
    return Stored(key, value)


@contextmanager
def taped(unet: nn.Module, tape: AttentionTape) -> Iterator[AttentionTape]:
    """Put every attention layer of `unet` on `tape`, and the old processors back after."""
    layers = _attention_layers(unet)
    stock = {name: module.processor for name, module in layers.items()}
    put_on_tape(unet, tape)
    try:
        yield tape
    finally:
        for name, module in layers.items():
            module.set_processor(stock[name])
        tape.stored.clear()


def put_on_tape(unet: nn.Module, tape: AttentionTape) -> None:
    """Put every attention layer of `unet` on `tape`, for good."""
    for name, module in _attention_layers(unet).items():
        module.set_processor(FrameAttention(tape, name))


def _attention_layers(unet: nn.Module) -> dict[str, Attention]:
    return {name: module for name, module in unet.named_modules() if isinstance(module, Attention)}
