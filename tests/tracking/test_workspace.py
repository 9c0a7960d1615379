"""The workspace names what is logged, and asks for what it needs."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
import wandb
import wandb_workspaces.workspaces as ws
from tiny.runs import mirage

from mirage.tracking.names import LOGGED, STEP
from mirage.tracking.workspace import build

pytestmark = pytest.mark.usefixtures("nobody")


def sections() -> list[dict[str, Any]]:
    """What would be saved."""
    spec = build("me", "cars")._to_model().spec.model_dump_json(by_alias=True)
    return json.loads(spec)["section"]["panelBankConfig"]["sections"]


def shown(panel: dict[str, Any]) -> list[str]:
    """The names that a panel shows."""
    config = panel["config"]
    if panel["viewType"] == "Weave":
        return [config["panel2Config"]["exp"]["fromOp"]["inputs"]["key"]["val"]]
    return [*(config.get("metrics") or ()), *(config.get("mediaKeys") or ())]


def test_panels_show_names_that_are_logged_as_what_they_are() -> None:
    kinds = {
        "Run History Line Plot": {"number"},
        "Bar Chart": {"number"},
        "Weave": {"table"},
        "Media Browser": {"picture", "films", "objects"},
        "Run Comparer": set(),
    }
    found = set()
    for section in sections():
        assert section["panels"]
        for panel in section["panels"]:
            for name in shown(panel):
                (item,) = (item for item in LOGGED if item.matches(name))
                assert item.kind in kinds[panel["viewType"]], name
                found.add(item)
            if panel["viewType"] == "Run History Line Plot":
                assert panel["config"]["xAxis"] == STEP
    left_out = {item.name for item in LOGGED if item not in found}
    assert left_out == {STEP, "epoch", "train/pair_loss", "train/discriminator_loss"}


def test_it_is_saved_in_the_project_that_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = []
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setattr(ws.Workspace, "save", lambda self: saved.append(self) or self)
    monkeypatch.setattr(ws.Workspace, "url", "https://there")
    assert mirage("workspace", "entity=me", "project=cars") == 0
    assert [(one.entity, one.project) for one in saved] == [("me", "cars")]
    assert "https://there" in capsys.readouterr().out


def test_what_is_missing_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(self: Any) -> None:
        raise wandb.errors.CommError("permission denied")

    assert mirage("workspace", "entity=me") == 1
    assert "wandb login" in capsys.readouterr().err
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setattr(ws.Workspace, "save", fail)
    assert mirage("workspace", "entity=me") == 1
    assert "permission denied" in capsys.readouterr().err
    assert mirage("workspace", "owner=me") == 1
    assert "'owner' is not understood" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "wandb_workspaces", None)
    assert mirage("workspace", "entity=me") == 1
    assert "pip install wandb-workspaces" in capsys.readouterr().err
