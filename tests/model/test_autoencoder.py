"""The autoencoder's network, its losses, and that training it helps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoModel

from mirage.config import AutoencoderConfig
from mirage.core.errors import MirageError
from mirage.model.autoencoder import (
    AutoencoderTraining,
    build_autoencoder,
    freeze_encoder,
    gradient_error,
    perceptual_error,
    reconstruction_loss,
)
from mirage.model.codec import downscale, encode

TINY = AutoencoderConfig(
    channels=[8, 8], layers=[1, 1], crop=16, size=16, batch_size=4, steps=50, warmup_steps=5
)


@pytest.mark.parametrize("factor", [4, 8])
def test_latents_have_the_side_that_the_factor_says(factor: int) -> None:
    config = AutoencoderConfig(
        factor=factor, channels=[8, 8, 16], layers=[1, 1, 1], latent_channels=2
    )
    autoencoder = build_autoencoder(config)
    latents = encode(autoencoder, torch.zeros(2, 3, 32, 32))
    assert latents.shape == (2, 2, 32 // factor, 32 // factor)
    assert autoencoder.decode(latents).sample.shape == (2, 3, 32, 32)
    assert downscale(autoencoder, 32, "here") == factor


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"factor": 8, "layers": [2, 3]}, "does not have 3 levels"),
        ({"factor": 2}, "not a choice"),
        ({"channels": [32, 96]}, "96 does not divide four times the 32"),
        ({"latent_channels": 5}, "do not divide the 64"),
        ({"crop": 66}, "no multiple of autoencoder.factor=4"),
        ({"crop": 256}, "more than autoencoder.size"),
        ({"own": 1.5}, "not in"),
    ],
)
def test_a_network_that_cannot_be_is_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(MirageError, match=says):
        AutoencoderConfig(**settings)


def test_a_saved_one_is_read_by_diffusers(tmp_path: Path) -> None:
    autoencoder = build_autoencoder(TINY).eval()
    autoencoder.save_pretrained(tmp_path)
    pictures = torch.rand(1, 3, 16, 16)
    again = AutoModel.from_pretrained(str(tmp_path), low_cpu_mem_usage=False)
    with torch.no_grad():
        torch.testing.assert_close(again(pictures).sample, autoencoder(pictures).sample)


def test_a_shift_of_colour_has_no_gradient_error_and_a_moved_edge_has() -> None:
    picture = torch.zeros(1, 1, 4, 8)
    picture[..., 4:] = 1
    assert gradient_error(picture, picture + 0.3).item() == pytest.approx(0, abs=1e-6)
    # Two of seven steps across differ by 1; none of those down.
    assert gradient_error(picture, picture.roll(1, -1) * (torch.arange(8) > 0)).item() == (
        pytest.approx(2 / 7)
    )


def test_the_loss_of_a_picture_is_its_own() -> None:
    pictures, decoded = torch.rand(2, 3, 8, 8), torch.rand(2, 3, 8, 8)
    both = reconstruction_loss(decoded, pictures, 0.5)
    assert both[1] == reconstruction_loss(decoded[1:], pictures[1:], 0.5)
    flat = reconstruction_loss(pictures + 0.5, pictures, 0.5)
    torch.testing.assert_close(flat, torch.full((2,), 0.5 + 2 * 0.25))


def test_the_perceptual_error_is_the_mean_over_maps_of_each_picture_alone() -> None:
    decoded = [torch.zeros(2, 1, 4, 4), torch.zeros(2, 2, 4, 2)]
    wanted = [torch.tensor([0.0, 1.0])[:, None, None, None].expand_as(maps) for maps in decoded]
    # One channel that differs by 1, and two of them: (1 + 2) / 2.
    assert perceptual_error(decoded, wanted).tolist() == [0.0, 1.5]


def test_what_begins_from_another_learns_to_decode_alone() -> None:
    torch.manual_seed(0)
    config, autoencoder = replace(TINY, start="another"), build_autoencoder(TINY)
    freeze_encoder(autoencoder)
    module = AutoencoderTraining(autoencoder, config)
    before = {name: value.clone() for name, value in autoencoder.state_dict().items()}
    batch = torch.randint(0, 256, (4, 16, 16, 3), dtype=torch.uint8)
    optimizer = module.configure_optimizers()["optimizer"]
    optimizer.param_groups[0]["lr"] = 1e-2
    module.losses(batch)["loss"].backward()
    optimizer.step()
    after = autoencoder.state_dict()
    changed = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"decoder"}


def test_a_discriminator_is_trained_beside_what_it_judges_and_not_written() -> None:
    def features(pictures: torch.Tensor) -> list[torch.Tensor]:
        return [pictures, torch.nn.functional.avg_pool2d(pictures, 4)]

    torch.manual_seed(0)
    module = AutoencoderTraining(build_autoencoder(TINY), replace(TINY, adversarial=0.1), features)
    assert module.discriminator is not None
    batch = torch.randint(0, 256, (4, 16, 16, 3), dtype=torch.uint8)
    losses = module.losses(batch)
    assert list(losses) == ["loss", "discriminator_loss"]
    losses["discriminator_loss"].backward()
    assert all(p.grad is not None for p in module.discriminator.parameters())
    decoder = module.autoencoder.decoder.parameters()
    assert any(p.grad is not None and p.grad.abs().max() > 0 for p in decoder)
    trained = module.configure_optimizers()["optimizer"].param_groups[0]["params"]
    assert {id(p) for p in trained} == {id(p) for p in module.parameters()}
    assert AutoencoderTraining(build_autoencoder(TINY), TINY, features).discriminator is None


def test_some_steps_bring_pictures_back_better() -> None:
    torch.manual_seed(0)
    colours = torch.randint(0, 256, (4, 1, 1, 3), dtype=torch.uint8)
    batch = colours.expand(4, 16, 16, 3)
    module = AutoencoderTraining(build_autoencoder(TINY), TINY)
    module.log = lambda *_, **__: None  # type: ignore[method-assign]
    optimizer = module.configure_optimizers()["optimizer"]
    losses = []
    for step in range(TINY.steps):
        loss = module.training_step(batch, step)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def test_rows_of_a_batch_do_not_hang_on_the_process_that_has_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Noise of a row is the same in one process of four rows and in the second of two."""
    config = replace(TINY, noise=100.0)
    torch.manual_seed(0)
    autoencoder, seen = build_autoencoder(config), []
    decode = autoencoder.decode

    def look(latents: torch.Tensor) -> Any:
        seen.append(latents)
        return decode(latents)

    monkeypatch.setattr(autoencoder, "decode", look)
    same = torch.full((4, 16, 16, 3), 90, dtype=torch.uint8)
    for rank, rows in ((0, 4), (1, 2)):
        module = AutoencoderTraining(autoencoder, config)
        module.log = lambda *_, **__: None  # type: ignore[method-assign]
        monkeypatch.setattr(AutoencoderTraining, "global_rank", rank)
        module.training_step(same[:rows], 0)
    torch.testing.assert_close(seen[1], seen[0][2:])
