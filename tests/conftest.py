"""Tiny random networks and images that several packages' tests share."""

from __future__ import annotations

import builtins
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock
from processes import free_ports
from tiny.runs import BRIEF, TINY, mirage

from mirage.config import ModelConfig
from mirage.core.contracts import PoseLabels, PoseRing
from mirage.core.messages import begin
from mirage.datamodules.labelled import LabelledImages
from mirage.datamodules.posed import PosedImages
from mirage.model.denoiser import PoseDenoiser

Once = Callable[[str, Callable[[Path], None]], Path]
MakeDenoiser = Callable[..., PoseDenoiser]
MakeData = Callable[[int], PosedImages]


@pytest.fixture(autouse=True)
def _messages_are_told() -> None:
    """As the command line has them told, of whatever a test calls."""
    begin("auto")


_OF_WANDB = (
    "WANDB_API_KEY",
    "WANDB_MODE",
    "WANDB_SILENT",
    "WANDB_DATA_DIR",
    "WANDB_RUN_ID",
    "WANDB_SWEEP_ID",
    "WANDB_BASE_URL",
    "WANDB_CONFIG_DIR",
    "NETRC",
)
_HELPERS = Path(__file__).parent / "helpers"
_CLUSTER = Path(__file__).parents[1] / "scripts" / "slurm_cluster.sh"


# Files that take long: the longest first, so that no process is left with one at the end.
_LONG = (
    "test_turntable_cars",
    "test_docs",
    "test_launch",
    "test_processes",
    "test_training",
    "test_stopped",
    "test_road",
    "test_poses",
    "test_record",
    "test_sampling",
    "test_images",
    "test_reconstruct",
    "test_fit",
    "test_agents",
    "test_experiments",
    "test_render",
    "test_ranks",
    "test_sweep",
    "test_describe",
    "test_shared",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        return _LONG.index(item.path.stem) if item.path.stem in _LONG else len(_LONG)

    items.sort(key=place)


@pytest.fixture(scope="session", autouse=True)
def unrecorded() -> Iterator[None]:
    """W&B records nothing, which takes time, unless a test asks for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "disabled")
        yield


@pytest.fixture(scope="module")
def recorded() -> Iterator[None]:
    """W&B records offline."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "offline")
        yield


@pytest.fixture
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person without a W&B key, whose terminal must not be asked anything."""
    for name in _OF_WANDB:
        monkeypatch.setenv(name, "")  # so that what is set below is undone afterwards
        monkeypatch.delenv(name)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    def refuse(*_: object, **__: object) -> str:
        raise AssertionError("a prompt")

    monkeypatch.setattr(builtins, "input", refuse)
    monkeypatch.setattr("getpass.getpass", refuse)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A Slurm of two nodes on this machine, which sbatch and the like find."""
    if shutil.which("slurmctld", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        pytest.skip("no Slurm here (on Debian: apt-get install slurm-wlm munge)")
    folder = tmp_path_factory.mktemp("slurm")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIRAGE_SLURM", str(folder))
        patch.setenv("MIRAGE_SLURM_PORT", str(free_ports(3)))
        patch.setenv("PYTHONPATH", str(_HELPERS), prepend=os.pathsep)  # of tests that are jobs
        started = subprocess.run([_CLUSTER, "start"], capture_output=True, text=True, check=False)
        try:
            assert started.returncode == 0, started.stderr
            patch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
            patch.setenv("MASTER_ADDR", "127.0.0.1")  # the nodes' names resolve to nothing
            yield
        finally:
            subprocess.run([_CLUSTER, "stop"], capture_output=True, check=False)


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """What all workers of a session of pytest-xdist share: the first that asks makes it.

    The others read and copy it, and leave it as it is (see `untouched`).
    """
    shared = shared_folder(tmp_path_factory)
    shared.mkdir(exist_ok=True)

    def make(name: str, build: Callable[[Path], None]) -> Path:
        target = shared / name
        with FileLock(shared / f"{name}.lock"):
            if not (done := shared / f"{name}.done").exists():
                shutil.rmtree(target, ignore_errors=True)  # of a worker that did not get to its end
                build(target)
                (told := shared / f"{name}.times").write_text(times_of(target))
                told.rename(done)  # whole, for whoever looks
        return target

    return make


def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.getbasetemp()
    return (root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) / "shared"


def times_of(folder: Path) -> str:
    """Its files, and when each was written."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return "\n".join(f"{path.relative_to(folder)} {path.stat().st_mtime_ns}" for path in files)


@pytest.fixture(autouse=True)
def untouched(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Fails a test that changes what others share; another worker's may be the first to notice."""
    yield
    if "once" in request.fixturenames:
        for done in shared_folder(tmp_path_factory).glob("*.done"):
            before, after = done.read_text().splitlines(), times_of(done.with_suffix(""))
            assert sorted(set(before) ^ set(after.splitlines())) == [], "copy it, and change that"


@pytest.fixture(scope="session")
def posed(once: Once) -> Path:
    """A tiny run with its poses, to be copied and trained."""

    def build(run: Path) -> None:
        assert mirage("images", *TINY, f"run={run}") == 0
        assert mirage("poses", f"run={run}") == 0

    return once("posed", build)


@pytest.fixture(scope="session")
def trained(once: Once, posed: Path) -> Path:
    """The same trained for a moment, to be copied."""

    def build(run: Path) -> None:
        shutil.copytree(posed, run)
        assert mirage("train", f"run={run}", *BRIEF) == 0

    return once("trained", build)


@pytest.fixture
def tiny_model() -> ModelConfig:
    return ModelConfig(channels=[32, 64], attention_levels=[1], layers_per_block=1)


@pytest.fixture
def make_denoiser(tiny_model: ModelConfig) -> MakeDenoiser:
    """A denoiser of 16-pixel images with random weights that the pose visibly moves."""

    def make(num_poses: int = 4, seed: int = 0, config: ModelConfig = tiny_model) -> PoseDenoiser:
        torch.manual_seed(seed)
        denoiser = PoseDenoiser.build(config, 16, num_poses).eval()
        torch.nn.init.normal_(denoiser.embedding.pose.weight)
        return denoiser

    return make


@pytest.fixture
def ring() -> PoseRing:
    return PoseRing(np.array([0.0, 90.0, 180.0, 270.0]), 0.9)


@pytest.fixture
def photo() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (16, 16, 3), dtype=np.uint8)


@pytest.fixture
def make_data(ring: PoseRing) -> MakeData:
    """Twelve images to train on and four held out, for a number of steps."""

    def make(num_steps: int) -> PosedImages:
        pose = np.arange(16) % 4
        labels = PoseLabels(
            pose, np.ones(16), pose * 90.0, pose[:, None], np.ones((16, 1)), np.zeros(16, bool)
        )
        pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 16, 3), dtype=np.uint8)
        train_ids, heldout_ids = np.arange(12), np.arange(12, 16)
        images = LabelledImages(pixels, labels)
        return PosedImages(images, ring, train_ids, heldout_ids, 4, 0.0, num_steps, 0)

    return make
