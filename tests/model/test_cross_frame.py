"""Cross-frame attention against diffusers' own processor and an explicit argmax."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from diffusers.models.attention_processor import Attention, AttnProcessor2_0
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from mirage.config import ModelConfig
from mirage.core.contracts import PoseCondition
from mirage.model.cross_frame import (
    AttentionTape,
    FrameAttention,
    Part,
    Sees,
    hard_attention,
    taped,
)
from mirage.model.denoiser import PoseDenoiser

MakeDenoiser = Callable[..., PoseDenoiser]


@pytest.fixture
def denoiser(make_denoiser: MakeDenoiser) -> PoseDenoiser:
    """Two heads, and attention sharp enough that what it looks at matters."""
    config = ModelConfig(channels=[32, 64], attention_levels=[0, 1], layers_per_block=1)
    denoiser = make_denoiser(config=config)
    with torch.no_grad():
        for layer in layers_of(denoiser).values():
            layer.to_q.weight.mul_(4)
            layer.to_k.weight.mul_(4)
            layer.to_out[0].weight.mul_(4)
    return denoiser


def layers_of(denoiser: PoseDenoiser) -> dict[str, Attention]:
    return {n: m for n, m in denoiser.unet.named_modules() if isinstance(m, Attention)}


def estimate(denoiser: PoseDenoiser, x: Tensor) -> Tensor:
    with torch.no_grad():
        condition = PoseCondition(torch.arange(len(x)) % 4, torch.full((len(x),), 30.0))
        return denoiser(x, torch.full((len(x),), 0.7), condition)


def noisy(num: int, seed: int = 3) -> Tensor:
    return torch.randn(num, 3, 16, 16, generator=torch.Generator().manual_seed(seed))


def test_off_and_record_are_diffusers_own_attention(denoiser: PoseDenoiser) -> None:
    assert all(isinstance(m.processor, AttnProcessor2_0) for m in layers_of(denoiser).values())
    x = noisy(2)
    stock = estimate(denoiser, x)
    with taped(denoiser.unet, AttentionTape()) as tape:
        assert all(isinstance(m.processor, FrameAttention) for m in layers_of(denoiser).values())
        off = estimate(denoiser, x)
        assert not tape.stored
        with tape.record():
            record = estimate(denoiser, x)
        assert tape.stored.keys() == layers_of(denoiser).keys()
    assert torch.allclose(off, stock, atol=1e-5)
    assert torch.allclose(record, stock, atol=1e-5)


@pytest.mark.parametrize("joined", [False, True])
def test_a_view_that_is_the_reference_sees_itself(denoiser: PoseDenoiser, joined: bool) -> None:
    """Joined too: a softmax over every key twice weighs the values as over every key once."""
    x = noisy(1)
    stock = estimate(denoiser, x)
    with taped(denoiser.unet, AttentionTape(joined)) as tape:
        with tape.record():
            estimate(denoiser, x)
        with tape.play():
            played = estimate(denoiser, x)
    assert torch.allclose(played, stock, atol=1e-5)


@pytest.mark.parametrize("joined", [False, True])
def test_another_reference_shows_in_every_view(denoiser: PoseDenoiser, joined: bool) -> None:
    x = noisy(3)
    stock = estimate(denoiser, x)
    with taped(denoiser.unet, AttentionTape(joined)) as tape:
        outputs = []
        for seed in (10, 11):
            with tape.record():
                estimate(denoiser, noisy(1, seed))
            with tape.play():
                outputs.append(estimate(denoiser, x))
    for other in (stock, outputs[1]):
        assert (outputs[0] - other).abs().flatten(1).amax(1).min() > 1e-3


@pytest.mark.parametrize("joined", [False, True])
def test_playing_attends_to_the_stored_keys_and_values(
    denoiser: PoseDenoiser, joined: bool
) -> None:
    """One layer, by hand: group norm, its own queries, the reference's keys and values."""
    layer = next(iter(layers_of(denoiser).values()))
    reference, views = torch.randn(1, 32, 8, 8), torch.randn(2, 32, 8, 8)

    def pixels(x: Tensor) -> Tensor:
        return layer.group_norm(x).flatten(2).transpose(1, 2)

    with torch.no_grad(), taped(denoiser.unet, AttentionTape(joined)) as tape:
        with tape.record():
            layer(reference)
        with tape.play():
            played = layer(views)
        seen = pixels(reference).expand(2, -1, -1)
        if joined:
            seen = torch.cat([seen, pixels(views)], dim=1)
        scores = layer.to_q(pixels(views)) @ layer.to_k(seen).transpose(1, 2)
        attended = (scores / 32**0.5).softmax(dim=-1) @ layer.to_v(seen)  # one head of width 32
        expected = layer.to_out[0](attended).transpose(1, 2).reshape(views.shape) + views
    assert torch.allclose(played, expected / layer.rescale_output_factor, atol=1e-4)


def test_the_tape_is_off_again_after_an_error(denoiser: PoseDenoiser) -> None:
    stock = {n: m.processor for n, m in layers_of(denoiser).items()}
    tape = AttentionTape()
    with pytest.raises(RuntimeError, match="stop"), taped(denoiser.unet, tape):
        with tape.record():
            estimate(denoiser, noisy(1))
        with tape.play(hard=True):
            raise RuntimeError("stop")
    assert {n: m.processor for n, m in layers_of(denoiser).items()} == stock
    assert not tape.stored and tape.parts == (Part(),)
    assert torch.equal(estimate(denoiser, noisy(1)), estimate(denoiser, noisy(1)))


def gather_best(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """V[argmax(q Kᵀ)] in double precision, with the score matrix spelt out."""
    scores = query.double() @ key.double().transpose(-1, -2)
    best = scores.argmax(dim=-1)[..., None].expand(*query.shape[:-1], value.shape[-1])
    return value.gather(2, best)


def clear_winners(query: Tensor, key: Tensor) -> Tensor:
    """[B, heads, n] bool: queries whose best key is ahead by more than fp32 can blur."""
    scores = query.double() @ key.double().transpose(-1, -2)
    top = scores.topk(2, dim=-1).values
    scale = query.double().norm(dim=-1) * key.double().norm(dim=-1).amax(dim=-1, keepdim=True)
    return (top[..., 0] - top[..., 1]) > 2e-5 * scale


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("magnitude", [0.01, 1.0, 300.0])
def test_hard_attention_takes_the_value_of_the_best_key(
    dtype: torch.dtype, magnitude: float
) -> None:
    generator = torch.Generator().manual_seed(1)
    query, key, value = (
        (m * torch.randn(2, 3, n, 32, generator=generator)).to(dtype)
        for m, n in ((magnitude, 700), (max(1.0, magnitude), 50), (magnitude, 50))
    )
    attended, expected = hard_attention(query, key, value), gather_best(query, key, value)
    clear = clear_winners(query, key)
    assert clear.float().mean() > 0.98
    assert attended.dtype == dtype and attended.isfinite().all()
    assert torch.allclose(attended[clear], expected[clear], rtol=1e-4, atol=1e-4 * magnitude)
    soft = scaled_dot_product_attention(query.float(), key.float(), value.float())
    if magnitude < 300:  # where soft and hard truly differ, the test above can tell
        assert not torch.allclose(soft[clear], expected[clear].float(), atol=0.1 * magnitude)


def test_keys_that_tie_share_the_query_evenly() -> None:
    key = torch.tensor([[4.0, 0.0], [4.0, 0.0], [0.0, 4.0], [-4.0, 0.0]])[None, None]
    value = torch.tensor([[1.0, 0.0], [3.0, 8.0], [100.0, 0.0], [0.0, 100.0]])[None, None]
    query = torch.tensor([[2.0, 0.0], [0.0, 0.5], [-1.0, 0.0]])[None, None]
    expected = torch.tensor([[2.0, 4.0], [100.0, 0.0], [0.0, 100.0]])
    assert torch.allclose(hard_attention(query, key, value)[0, 0], expected)


def test_a_query_of_nothing_is_finite() -> None:
    value = torch.randn(1, 1, 5, 4)
    attended = hard_attention(torch.zeros(1, 1, 2, 4), torch.randn(1, 1, 5, 4), value)
    assert torch.allclose(attended[0, 0], value.mean(dim=2)[0].expand(2, -1), atol=1e-6)


def layer_and_maps(denoiser: PoseDenoiser, *frames: int) -> tuple[Attention, list[Tensor]]:
    generator = torch.Generator().manual_seed(6)
    maps = [torch.randn(count, 32, 8, 8, generator=generator) for count in frames]
    return next(iter(layers_of(denoiser).values())), maps


def test_references_together_are_seen_by_every_view_and_apart_each_by_its_own(
    denoiser: PoseDenoiser,
) -> None:
    layer, (references, views) = layer_and_maps(denoiser, 2, 2)
    with torch.no_grad(), taped(denoiser.unet, AttentionTape()) as tape:

        def played(shown: Tensor, together: bool) -> Tensor:
            tape.clear()
            with tape.attending(Part(records=True, together=len(shown) if together else 1)):
                layer(shown)
            with tape.play():
                return layer(views)

        apart = played(references, False)
        for i in range(2):
            assert torch.allclose(played(references[i : i + 1], False)[i], apart[i], atol=1e-5)
        both = played(references, True)
        assert torch.allclose(both, played(references.flip(0), True), atol=1e-5)
        assert not torch.allclose(both, apart, atol=1e-2)
        one = played(references[:1], False)
        twice = played(references[:1].expand(2, -1, -1, -1), True)
        assert torch.allclose(one, twice, atol=1e-5)  # each key twice weighs as each once


def test_a_blind_pixel_takes_its_own_value(denoiser: PoseDenoiser) -> None:
    layer, (views,) = layer_and_maps(denoiser, 2)
    with torch.no_grad(), taped(denoiser.unet, AttentionTape()) as tape:
        with tape.attending(Part(sees=Sees.BLIND)):
            found = layer(views)
        values = layer.to_v(layer.group_norm(views).flatten(2).transpose(1, 2))
        expected = layer.to_out[0](values).transpose(1, 2).reshape(views.shape) + views
    assert torch.allclose(found, expected / layer.rescale_output_factor, atol=1e-5)


def test_a_batch_of_many_parts_is_what_the_parts_are_alone(denoiser: PoseDenoiser) -> None:
    """Two objects of two photos each, and views of both in every way, in one pass."""
    layer, (photos, views) = layer_and_maps(denoiser, 4, 3)
    objects = torch.tensor([1, 0, 1])
    with torch.no_grad(), taped(denoiser.unet, AttentionTape(joined=True)) as tape:
        record = Part(4, records=True, together=2)
        ways = [
            Part(3, Sees.RECORDED, objects=objects),
            Part(3, Sees.RECORDED, hard=True, objects=objects),
            Part(3, Sees.BLIND),
            Part(3),
        ]
        with tape.attending(record, *ways):
            _, *found = layer(torch.cat([photos, *(views for _ in ways)])).split([4, 3, 3, 3, 3])
        tape.clear()
        for rows in (slice(0, 2), slice(2, 4)):  # one object after the other
            with tape.attending(record[rows]):
                layer(photos[rows])
        for way, together in zip(ways, found, strict=True):
            apart = []
            for row in range(3):
                with tape.attending(way[row : row + 1]):
                    apart.append(layer(views[row : row + 1]))
            assert torch.allclose(torch.cat(apart), together, atol=1e-5)
        assert not torch.allclose(found[0], found[1], atol=1e-2)


def test_under_autocast_hard_attention_still_picks_the_best_key() -> None:
    generator = torch.Generator().manual_seed(7)
    query, key, value = (torch.randn(2, 3, 200, 32, generator=generator) for _ in range(3))
    with torch.autocast("cpu", torch.bfloat16):
        hard = hard_attention(query, key, value)
        soft = scaled_dot_product_attention(query, key, value)
    assert soft.dtype == torch.bfloat16  # so autocast is on
    clear = clear_winners(query, key)
    assert torch.allclose(hard[clear], gather_best(query, key, value)[clear], atol=1e-5)
