"""A sweep for W&B's agents: their own code makes commands of the file, which are its jobs again."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from wandb import wandb_agent
from wandb.sdk.launch.sweeps.utils import load_sweep_config

from mirage.cli import main
from mirage.config import Config
from mirage.config.load import config_text
from mirage.core.errors import MirageError
from mirage.sweeps.agents import write_for_agents
from mirage.sweeps.multirun import load_multirun

Ask = Callable[[dict[str, Any]], list[list[str]]]


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """What an agent runs for every point of a sweep's file; the environment is the last one's."""
    for name in ("WANDB_RUN_ID", "WANDB_SWEEP_ID", "WANDB_SWEEP_PARAM_PATH"):
        monkeypatch.setenv(name, "")  # so that what the agent sets is undone afterwards
        monkeypatch.delenv(name)
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    started: list[list[str]] = []

    def start(command: list[str], **_: Any) -> SimpleNamespace:
        started.append(command)
        return SimpleNamespace()

    monkeypatch.setattr(wandb_agent, "AgentProcess", start)

    def ask(content: dict[str, Any]) -> list[list[str]]:
        agent = wandb_agent.Agent(None, None)
        agent._sweep_command = content["command"]
        values = [about["values"] for about in content["parameters"].values()]
        for number, point in enumerate(itertools.product(*values)):
            pairs = zip(content["parameters"], point, strict=True)
            arguments = {key: {"value": value} for key, value in pairs}
            order = {"type": "run", "run_id": f"run{number}", "program": content["program"]}
            agent._command_run(order | {"args": arguments})
        return started

    return ask


def written(words: list[str], command: str = "sweep") -> dict[str, Any]:
    assert "wandb sweep s.yaml" in write_for_agents(
        load_multirun([*words, "sweep.wandb=s.yaml"], command)
    )
    content = load_sweep_config("s.yaml")
    assert content is not None
    return content


def settings(config: Config) -> str:
    """All but the folder."""
    return config_text(config).replace(config.run, "")


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["sweep=guidance"], marks=pytest.mark.e2e),
        ["sweep=poses_k", "poses.count=6", "train.learning_rate=1e-4,0.003", "parts.seed=range(2)"],
        ["backbone=effnet_lite", "backbone.layers=[4],[4,5]", "views.azimuths=null,[3]"],
        ["views.reference='a b.jpg','c,d.jpg',\"it's.jpg\""],
        ["poses.count=6,12", "+sweep.variants={wide:{parts.count:64},fine:{poses.grid:7}}"],
    ],
)
def test_agents_are_given_the_jobs_of_the_sweep(
    words: list[str], ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content, points = written(words), []
    assert content["method"] == "grid"
    for number, (mirage, command, *given) in enumerate(ask(content)):
        assert (mirage, command) == ("mirage", "sweep")
        monkeypatch.setenv("WANDB_RUN_ID", f"run{number}")
        (job,) = load_multirun(given).jobs
        assert Path(job.config.run).name == f"run{number}"
        points.append(settings(job.config))
    jobs = [settings(job.config) for job in load_multirun(words).jobs]
    assert sorted(points) == sorted(jobs)


def test_the_agents_command_runs(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [
        "images.source=turntable",
        "images.turntable.objects=9,10",
        "run=runs/a",
        "images.turntable.views=6",
        "images.turntable.workers=1",
    ]
    content = written(words, "images")
    command = ask(content)[-1]
    assert command[:3] == ["mirage", "images", "--multirun"] and os.environ["WANDB_RUN_ID"]
    with pytest.raises(SystemExit) as stop:
        main(command[1:])
    assert stop.value.code == 0, capsys.readouterr().err
    assert (Path("runs/a") / "run1" / "images" / "manifest.parquet").exists()


@pytest.mark.parametrize(
    "words",
    [["sweep=poses_tried"], ["+sweep.variants={a:{parts.seed:'1,2'},b:{parts.seed:'3,4'}}"]],
)
def test_what_is_no_grid_is_refused(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MirageError, match=r"sweep\.grid"):
        written(words)
    assert not list(tmp_path.iterdir())
