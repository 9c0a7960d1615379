"""A model with its bank: where the precision of its views is measured."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from synthetic.photos import MadeUpBackbone, MadeUpBank
from views_settings import views_config

from mirage.config import ViewsConfig
from mirage.generation import view_generator as module
from mirage.generation.view_generator import ViewGenerator
from mirage.model.denoiser import PoseDenoiser


def test_precision_is_measured_once_where_it_pays_and_is_left_open(
    make_denoiser: Callable[..., PoseDenoiser],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    measured: list[PoseDenoiser] = []

    def measure(denoiser: PoseDenoiser) -> tuple[str, str]:
        measured.append(denoiser)
        return "bf16", "measured"

    monkeypatch.setattr(module, "faster_precision", measure)
    generator = ViewGenerator(make_denoiser(), MadeUpBank(), MadeUpBackbone())  # type: ignore[arg-type]
    assert generator.settled(ViewsConfig(), 10) == ViewsConfig()
    assert generator.settled(views_config(precision="fp32"), 10_000).sampler.precision == "fp32"
    assert not measured
    assert [generator.settled(ViewsConfig(), 10_000).sampler.precision for _ in range(2)] == [
        "bf16"
    ] * 2
    assert len(measured) == 1
    assert capsys.readouterr().out == "views.sampler.precision=auto: bf16, measured\n"
