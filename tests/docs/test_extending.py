"""The code that docs/extending.md shows runs, and does what the page says."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from documentation.commands import ROOT, python_blocks
from PIL import Image

from mirage.config import BackboneConfig, Config
from mirage.config.load import build_targets, change_config
from mirage.core.contracts import PoseCondition
from mirage.features.backbone import Backbone
from mirage.images.decoding.decode import decode
from mirage.model.cross_frame import AttentionTape, taped
from mirage.model.denoiser import PoseDenoiser
from mirage.sampler.guidance import guide
from mirage.sampler.shared import SharedDenoiser

PAGE = ROOT / "docs" / "extending.md"


def shown(name: str) -> Any:
    """What a block of the page defines under that name."""
    (block,) = [block for block in python_blocks(PAGE) if re.search(rf"\b{name}\b", block)]
    defined: dict[str, Any] = {}
    exec(block, defined)
    return defined[name]


def test_a_backbone_gives_unit_features_and_reads_its_weights(tmp_path: Path) -> None:
    build = shown("tiny_vit")

    def load(config: BackboneConfig) -> Backbone:
        return Backbone(*build(config), config, torch.device("cpu"))

    settings: dict[str, Any] = {"name": "effnet_lite", "size": 32, "layers": [-1]}
    photos = np.random.default_rng(0).integers(0, 256, (2, 40, 40, 3), dtype=np.uint8)
    first = load(BackboneConfig(**settings))
    features = first(photos)
    assert features.shape == (2, 2, 2, 192)
    assert torch.allclose(features.norm(dim=-1), torch.ones(2, 2, 2), atol=1e-5)
    torch.save(first._network.state_dict(), tmp_path / "weights.pth")
    again = load(BackboneConfig(**settings, weights=str(tmp_path / "weights.pth")))
    assert torch.allclose(again(photos), features, atol=1e-5)
    assert not torch.allclose(load(BackboneConfig(**settings))(photos), features, atol=1e-2)


def test_a_source_lists_photos_in_order_and_reads_them(tmp_path: Path) -> None:
    archive = tmp_path / "photos.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for name, colour in (("b.png", "red"), ("a.PNG", "blue")):
            Image.new("RGB", (4, 4), colour).save(buffer := io.BytesIO(), "PNG")
            file.writestr(name, buffer.getvalue())
        file.writestr("notes.txt", "no photo")
    source = shown("ZipSource")(archive)
    entries = [entry for part in source.parts() for entry in source.entries(part)]
    assert [entry.path for entry in entries] == ["a.PNG", "b.png"]
    assert decode(source.read(entries[1]), 100).getpixel((0, 0)) == (255, 0, 0)


def test_a_guidance_acts_within_its_interval_alone(
    make_denoiser: Callable[..., PoseDenoiser],
) -> None:
    correction, denoiser = shown("correction"), make_denoiser()
    x = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    condition = PoseCondition(torch.tensor([0, 1]), torch.tensor([0.0, 90.0]))
    _, high = correction.interval
    with torch.no_grad(), taped(denoiser.unet, AttentionTape()) as tape:
        shared = SharedDenoiser(denoiser, tape, None, chunk=8)
        guided, plain = (guide(shared, condition, chosen) for chosen in ([correction], []))
        for sigma in (high, 2 * high):
            of_none = shared.alone(x, sigma, condition.null())
            step = correction.weight * (plain(x, sigma) - of_none) * (sigma <= high)
            assert torch.allclose(guided(x, sigma), plain(x, sigma) + step, atol=1e-5)


def test_a_callback_is_made_as_the_file_says() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    config = change_config(Config(), yaml.safe_load(block))
    (callback,) = build_targets(config.train.callbacks)
    assert callback.monitor == "val/loss" and callback.patience == 5
