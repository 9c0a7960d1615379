"""doctor: what this machine can do, and what to start with on it.

Each finding is told as soon as it is known; what takes long to import comes last.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from ctypes.util import find_library
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from mirage.core.machine import allowed_memory, allowed_processors
from mirage.core.network import ask
from mirage.runs.request import Request
from mirage.tracking.key import asked_mode, has_wandb_key

_HUB, _HUB_SECONDS = "https://huggingface.co", 2.0
_DINOV2 = "models--timm--vit_small_patch14_reg4_dinov2.lvd142m"  # as the hub's cache names it
_PACKAGES = ("torch", "lightning", "diffusers", "timm")
# `benchmarks/quality/memory.py`: finding poses peaks at 1.4 GB, most of it the libraries.
_LEAST_GB = 2
_GB = 1e9
_CPU_MINUTES = 60


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: its name. found: what there is, in words. good: whether nothing need be done.
        todo: what to do where there is need of it; empty if nothing.
    """

    what: str
    found: str
    good: bool = True
    todo: str = ""

    def __str__(self) -> str:
        line = f"{self.what:<11}{self.found}"
        return f"{line}\n{'':<11}→ {self.todo}" if self.todo else line


def run(request: Request) -> str:
    """Print what is found, line by line, and at last what to start with."""
    request.refuse(request.words, "`mirage doctor`")
    good = {}
    for finding in examine():
        print(finding, flush=True)
        good[finding.what] = finding.good
    gpu = good["GPU"]
    if find_packages().good:
        print(find_recipe(gpu), flush=True)
    print("", *advise(gpu, good["hub"], good["rendering"]), sep="\n", flush=True)
    return ""


def examine() -> Iterator[Finding]:
    """What there is, quickest first."""
    yield find_packages()
    yield find_processor()
    yield find_disk(Path.cwd())
    yield find_wandb()
    yield find_slurm()
    yield find_rendering()
    yield find_hub()
    yield find_gpu()


def find_packages() -> Finding:
    """Python, and whether what everything needs is installed."""
    found = f"{sys.version.split()[0]}" + "".join(
        f", {name} {_version(name)}" for name in _PACKAGES
    )
    lost = [name for name in _PACKAGES if util.find_spec(name) is None]
    if lost:
        return Finding("Python", found, False, "`pip install -e .` in the repository")
    return Finding("Python", found)


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "missing"


def find_processor() -> Finding:
    """Cores that this process may use, and memory."""
    cores, gigabytes = allowed_processors(), allowed_memory() / _GB
    found = f"{cores} CPU cores, {gigabytes:.0f} GB of memory"
    if gigabytes >= _LEAST_GB:
        return Finding("processor", found)
    return Finding("processor", found, False, f"find a machine of {_LEAST_GB} GB or more")


def find_disk(folder: Path) -> Finding:
    """Room where the runs would be written."""
    free = shutil.disk_usage(folder).free / _GB
    todo = "" if free >= 1.0 else "make room, or give run=DIR on another disk"
    return Finding("disk", f"{free:.0f} GB free in {folder}", not todo, todo)


def find_wandb() -> Finding:
    """Where training is logged to."""
    if asked := asked_mode():
        return Finding("W&B", f"{asked} is obeyed")
    if has_wandb_key():
        return Finding("W&B", "a key is set: training is logged online")
    todo = "`wandb login`, if it should be online; nothing needs it"
    return Finding("W&B", "no key: training is logged offline, in the run's folder", False, todo)


def find_slurm() -> Finding:
    """Whether jobs can be submitted from here."""
    if shutil.which("sbatch") is None:
        return Finding("Slurm", "none: commands run on this machine", False)
    return Finding("Slurm", "sbatch is here", todo="launcher=slurm makes a job: docs/cluster.md")


def find_rendering() -> Finding:
    """Whether the turntable can be rendered."""
    if sys.platform != "linux" or os.environ.get("DISPLAY"):
        return Finding("rendering", "by the display")
    if find_library("EGL") is not None:
        return Finding("rendering", "without a display, by EGL")
    todo = "Debian: `apt install libegl1`; only the rendered turntable needs it, photos do not"
    return Finding("rendering", "neither a display nor EGL", False, todo)


def find_hub() -> Finding:
    """Whether the default backbone's weights can be had; takes two seconds at most."""
    cached = (_hub_cache() / _DINOV2 / "snapshots").is_dir()
    if cached:
        return Finding("hub", f"DINOv2's weights are in {_hub_cache()}")
    if os.environ.get("HF_HUB_OFFLINE", "0").lower() in ("1", "true", "yes", "on"):
        answer: str | None = "HF_HUB_OFFLINE is set"
    else:
        answer = ask(os.environ.get("HF_ENDPOINT", _HUB), _HUB_SECONDS)
    if answer is None:
        return Finding("hub", "answers: DINOv2's weights are fetched when they are needed")
    todo = "add backbone=effnet_lite, whose weights are installed, or backbone.weights=FILE"
    return Finding(
        "hub", f"out of reach ({answer}), and DINOv2's weights are not here", False, todo
    )


def _hub_cache() -> Path:
    home = Path(os.environ.get("HF_HOME", "~/.cache/huggingface")).expanduser()
    return Path(os.environ.get("HF_HUB_CACHE", home / "hub"))


def find_gpu() -> Finding:
    """The GPUs that torch can use; importing it is what takes long."""
    if util.find_spec("torch") is None:
        return Finding("GPU", "not known without torch", False)
    import torch

    if torch.cuda.is_available():
        cards = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
        named = (f"{card.name}, {card.total_memory / _GB:.0f} GB" for card in cards)
        return Finding("GPU", "; ".join(named))
    if shutil.which("nvidia-smi") is not None:
        todo = "install a torch that fits the driver: https://pytorch.org/get-started"
        return Finding("GPU", "there is a driver, but torch cannot use it", False, todo)
    return Finding("GPU", "none: everything runs on the processor, at small sizes", False)


def find_recipe(gpu: bool) -> Finding:
    """What many large photos would be trained by here; `mirage run` asks the same function."""
    from mirage.config import BudgetConfig, Config
    from mirage.training.circumstances import look_around
    from mirage.training.recipes import choose, known_recipes

    there = look_around(Config(budget=BudgetConfig(None if gpu else _CPU_MINUTES)))
    choice = choose(there, known_recipes())
    return Finding("recipe", f"{choice.name}, since {choice.reason} ({there})")


def advise(gpu: bool, hub: bool, rendering: bool) -> list[str]:
    """Which experiment to begin with, why, and with what command; of `experiments/experiment/`."""
    from mirage.config.load import list_experiments

    said = list_experiments()["experiment"]
    offline = "" if hub else " backbone=effnet_lite"
    budget = "" if gpu else f" budget.minutes={_CPU_MINUTES}"
    time = "without a limit of time" if gpu else "in an hour; longer is better"
    own = [
        f"your photos:   the recipe is chosen when they are known; {time}",
        f"  mirage run images.path=FOLDER run=runs/mine{offline}{budget}",
    ]
    car = [
        "a car, now:    turn a photo of your own by weights that ship; a minute",
        "  mirage views pretrained=cars_photos views.reference=car.jpg run=runs/car",
    ]
    if not rendering:
        return [*car, *own]
    return [*car, f"to begin:      demo. {said['demo']}", "  mirage run experiment=demo", *own]
