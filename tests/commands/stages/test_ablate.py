"""The shipped ablations name settings that exist, and every row of one is another setting."""

from __future__ import annotations

from dataclasses import astuple
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from mirage.commands.stages import ablate
from mirage.commands.stages.ablate import run, with_row
from mirage.config import AblationConfig, Config
from mirage.config.load import load_config
from mirage.core.errors import MirageError
from mirage.runs.request import Request

NAMES = sorted(
    file.name.removesuffix(".yaml")
    for file in (resources.files("mirage.experiments") / "ablation").iterdir()
    if file.name.endswith(".yaml")
)


@pytest.mark.parametrize("name", NAMES)
def test_every_row_of_a_shipped_ablation_is_a_setting_of_its_own(name: str) -> None:
    config = load_config(["experiment=demo", f"ablation={name}"])
    assert config.ablation.name == name
    views = [with_row(config, row, changes).views for row, changes in config.ablation.rows.items()]
    assert len(views) > 2 and len({str(astuple(one)) for one in views}) == len(views)


def test_what_is_no_setting_of_views_is_told(tmp_path: Path) -> None:
    with pytest.raises(MirageError, match=r"'speed' is not a setting.*'odd'"):
        with_row(Config(), "odd", {"speed": 3})
    with pytest.raises(MirageError, match=r"configuration key views\.mode"):
        with_row(Config(), "odd", {"mode": "loud"})
    with pytest.raises(MirageError, match="no ablation is named"):
        run(Request("ablate", given=Config(run=str(tmp_path))))


def test_a_panel_is_headed_as_its_metric_and_as_large(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: dict[str, Any] = {}
    monkeypatch.setattr(ablate, "draw_panels", lambda x, panels: drawn.update(panels))
    rows = [{"mode": "soft", "kid": 0.002, "intervals": {"kid": {"low": 0.001, "high": 0.005}}}]
    ablate._draw({"views": rows}, ["kid", "psnr"])
    (panel,) = drawn["KID × 1000 ↓"]
    assert list(drawn) == ["KID × 1000 ↓"]  # there is no PSNR to draw
    assert panel.mean == pytest.approx([2.0]) and panel.spread == pytest.approx([2.0])


def test_a_figure_that_is_no_metric_of_views_is_refused() -> None:
    assert AblationConfig(figures=["kid", "seconds_a_view"]).figures == ["kid", "seconds_a_view"]
    with pytest.raises(MirageError, match=r"configuration key ablation\.figures"):
        AblationConfig(figures=["homogeneity"])
