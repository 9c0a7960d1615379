import json
from pathlib import Path

import numpy as np
import pytest
from made_up_solids import field_of, van, views_of

from mirage.config import Config, ShapeConfig
from mirage.errors import MirageError
from mirage.shape.reconstruct import reconstruct
from mirage.stages.folder import RunFolder, write_json
from mirage.stages.reconstruct import run
from mirage.stages.turn.kept_object import KeptObject, save_object
from mirage.stages.turn.object_views import settings_of


def test_without_enough_views_it_says_which_command_makes_them(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with pytest.raises(MirageError, match="needs the model"):
        run(Config(run=str(tmp_path)), folder)
    folder.finish("model", "key")
    write_json(folder["views"] / "car" / "views.json", {"key": "k", "views": [{}] * 12})
    with pytest.raises(MirageError, match=r"none of 1 references has 24 views") as error:
        run(Config(run=str(tmp_path)), folder)
    assert "views.count=24" in error.value.todo


def test_an_object_is_written_with_what_is_known_of_it(tmp_path: Path) -> None:
    views = views_of(field_of(van()), 8, 16, 15.0)
    made = reconstruct(views, settings_of(ShapeConfig(voxels=8_000, steps=8, rays=256)))
    save_object(made, views.azimuth, tmp_path / "car", {"key": "key"})
    names = {path.name for path in (tmp_path / "car").iterdir()}
    assert names == {"object.glb", "object.ply", "turning.gif", "shape.json"}
    facts = json.loads((tmp_path / "car" / "shape.json").read_text())
    assert facts["key"] == "key" and facts["mesh"]["watertight"]
    assert len(facts["views"]) == 8 and len(facts["views"][0]["shift"]) == 2
    assert facts["verdict"].split(":")[0] in ("good", "rough", "not to be trusted")
    assert np.isfinite(facts["elevation"])
    kept = KeptObject.load(tmp_path / "car")
    assert kept.film.shape == (8, 192, 192, 3) and kept.facts == facts
    assert kept.surface.faces.max() < len(kept.surface.vertices) == facts["mesh"]["vertices"]
    (tmp_path / "car" / "object.ply").write_bytes(b"nothing")
    with pytest.raises(MirageError, match="cannot be read"):
        KeptObject.load(tmp_path / "car")
