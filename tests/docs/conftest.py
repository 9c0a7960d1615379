"""Photos and finished runs of the names that the docs use, so small that they take seconds."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from documentation.kinds import QUICK_START, SHORT
from PIL import Image
from synthetic.shards import save_shards
from synthetic.solids import field_of, van, views_of
from tiny.runs import TINY_AUTOENCODER, mirage

from mirage.config import ShapeConfig
from mirage.evaluation import pose_figures
from mirage.generation import checks as refuse
from mirage.generation.kept_object import save_object
from mirage.generation.object_views import settings_of
from mirage.poses.bank import PoseBank
from mirage.shape.reconstruct import reconstruct


@pytest.fixture(scope="module")
def lenient() -> Iterator[None]:
    """Poses of so tiny a run are not sure of anything: no photo is refused for that here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(refuse, "SURE_ENOUGH", -1.0)
        patch.setattr(refuse, "CUT_OFF", 1.0)
        patch.setattr(PoseBank, "outlier_score", lambda self, found: np.full(len(found), -1e9))
        patch.setattr(pose_figures, "_STRANGERS", 2)
        yield


@pytest.fixture(scope="module")
def world(trained: Path, lenient: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all photos that the docs name, and a run that is trained, runs/demo."""
    world = tmp_path_factory.mktemp("world")
    (renders,) = (trained / "images" / "turntable").iterdir()
    photos = sorted(renders.rglob("[!.]*.png"))
    for folder, count in (("FOLDER", 50), ("photos", 50), ("more_photos", 2)):
        (world / folder).mkdir()
        for i, photo in enumerate(photos[:count]):  # 50 are the fewest that are taken
            os.link(photo, world / folder / f"{i:03d}.png")
    for name in ("car.jpg", "holiday.jpg", "car.png"):
        Image.open(photos[0]).save(world / name)
    save_shards(str(world / "cars"), [4] * 13)
    save_shards(str(world), [50])
    for name in ("cars.tar", "stanford_cars_192.tar"):
        os.link(world / "cars-000000.tar", world / name)
    shutil.copytree(trained, world / "runs" / "demo")
    return world


@pytest.fixture(scope="module")
def demo(world: Path) -> Path:
    """runs/demo, finished, in which what is done now and then was done too."""
    run = world / "runs" / "demo"
    later = [word for word in SHORT if not word.startswith(("backbone", "parts", "poses"))]
    (rendered,) = (run / "images" / "turntable").glob("*/objects.csv")
    table = world / "azimuths.csv"  # of a camera at 5°, which turntables are not said to have
    header, *rows = rendered.read_text().splitlines()
    table.write_text("\n".join([f"{header},elevation", *(f"{row},5.0" for row in rows)]))
    later += [
        "evaluate.turn=3",
        "evaluate.baselines=true",
        f"evaluate.truth={table}",
        "views.best_of=2",
    ]
    assert mirage("run", *later, f"run={run}") == 0
    words = ["ablation.objects=2", "ablation.views=2", "ablation.rows={a: {mode: start}}"]
    assert mirage("ablate", "ablation.name=steps", *words, f"run={run}") == 0
    assert mirage("autoencoder", *TINY_AUTOENCODER, f"run={run}") == 0
    assert mirage("assign", str(world / "car.jpg"), "--explain", f"run={run}") == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(refuse, "SURE_ENOUGH", 2.0)
        assert mirage("views", f"views.reference={world / 'car.jpg'}", f"run={run}") == 1
    views = views_of(field_of(van()), 8, 16, 15.0)  # those of a tiny model show no object
    made = reconstruct(views, settings_of(ShapeConfig(voxels=8_000, steps=2, rays=64)))
    origin = {"key": "key", "views_of": str(run / "views" / "car"), "views_key": "k"}
    save_object(made, views.azimuth, run / "shape" / "car", origin)
    return run


@pytest.fixture(scope="module")
def mine(world: Path) -> Path:
    """runs/mine, as the quick start makes it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(world)
        assert mirage(*QUICK_START.split()[1:], *SHORT) == 0
    return world / "runs" / "mine"
