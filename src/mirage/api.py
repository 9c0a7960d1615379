"""What runs learned, in Python: `from mirage import Mirage`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mirage.config import Config
from mirage.config.load import change_config, load_config
from mirage.core.contracts import PoseLabels
from mirage.core.errors import MirageError
from mirage.core.files import SAVED, path_of
from mirage.generation.intake import Intake
from mirage.generation.kept_views import Views
from mirage.generation.pretrained import shipped
from mirage.generation.references import Reference, check_pose, open_intake
from mirage.generation.sampling import generate_views
from mirage.generation.view_generator import ViewGenerator
from mirage.generation.weights import as_advised
from mirage.images.decoding.decode import Photo, photo_name, read_photo
from mirage.images.image_set import open_images
from mirage.poses.photo_reader import PoseReader
from mirage.runs.folder import BANK_FILE, RunFolder
from mirage.sampler.export import BANK, read_fit


@dataclass(frozen=True)
class Mirage:
    """Reads the poses of photos and turns what they show, as a run learned to.

    Gives what `mirage assign` and `mirage views` give, and writes nothing. Networks are loaded when
    they are first needed, onto the GPU where there is one.

    Attributes:
        config: all settings, as the run last used them.
        folder: of the run; None of exported weights.
        model: the folder of the weights.
    """

    config: Config
    folder: RunFolder | None
    model: Path

    @classmethod
    def load(cls, path: str | Path) -> Mirage:
        """Open a run's folder, an exported `model/` folder, or weights of the package by name.

        Raises:
            MirageError: it is none of them.
        """
        given = path_of(path)
        if (given / SAVED).exists():
            folder = RunFolder(given)
            return cls(load_config([f"run={given}"]), folder, folder["model"])
        known = shipped()
        for model in (given, known.get(str(path))):
            if model is not None and (model / BANK).exists():
                return cls(as_advised(Config(), model), None, model)
        raise MirageError(
            f"nothing that was learned is in {path}" if given.exists() else f"there is no {path}",
            where=str(given.absolute()),
            todo="give the folder of a run (it has a config.yaml), a model/ folder, or one of "
            + ", ".join(known),
        )

    def poses(self, photos: Photo | Sequence[Photo]) -> PoseLabels:
        """The poses of one photo or of N, as arrays of N.

        Args:
            photos: paths or PIL pictures, of any size and mode.

        Raises:
            MirageError: a photo cannot be read, or the run has no poses yet.
        """
        given = _listed(photos)
        reader = self._reader
        read = [
            reader.read(np.stack([reader.square(photo) for photo in batch]))
            for batch in reader.batches(given)
        ]
        return PoseLabels.join(read)

    def orbit(
        self,
        photos: Photo | Sequence[Photo],
        count: int | None = None,
        azimuths: Sequence[float] | None = None,
        reference_pose: int | None = None,
        **settings: Any,
    ) -> Views:
        """Turn the object of a photo.

        Args:
            photos: a path or PIL picture, of any size and mode; or several of one object.
            count: views round the circle, the first at the photo's own azimuth.
            azimuths: in place of `count`: degrees on the run's ring.
            reference_pose: the photo's pose; insists where the photo would be refused.
            settings: others of `ViewsConfig`: mode, seed, best_of, sampler={"steps": 10}, …; as the
                run last used them where not given.

        Raises:
            MirageError: a photo cannot be read, is not fit to be turned, a setting is not one, or
                the run has no model yet.
        """
        given = _listed(photos)
        asked = settings | {"photos": len(given)}
        if count is not None:
            asked |= {"count": count, "azimuths": None}
        if azimuths is not None:
            asked["azimuths"] = [float(azimuth) for azimuth in azimuths]
        config = change_config(self.config, {"views": asked, "reference_pose": reference_pose})
        intake = self._intake
        check_pose(reference_pose, intake.generator.bank)
        looks = []
        for photo in given:
            picture, name = read_photo(photo, config.images.max_pixels), photo_name(photo)
            looks.append(intake.take(picture, name, config.views, reference_pose is not None))
        name = photo_name(given[0])
        reference = Reference.of(Path(name).stem, name, looks)
        reference = reference.insisted(reference_pose, intake.generator.bank)
        (views,) = generate_views(intake.generator, [reference], config)
        return views

    @cached_property
    def _reader(self) -> PoseReader:
        most = self.config.images.max_pixels
        if self.folder is None:
            return PoseReader.open(self.model / BANK, read_fit(self.model), most)
        self.folder.key("poses")
        images = open_images(self.folder["images"])
        return PoseReader.open(self.folder["poses"] / BANK_FILE, images.fit, most)

    @cached_property
    def _intake(self) -> Intake:
        if self.folder is not None:
            self.folder.key("model")
        return open_intake(ViewGenerator.open(self.model))


def _listed(photos: Photo | Sequence[Photo]) -> Sequence[Photo]:
    """One photo as a list of it.

    Raises:
        MirageError: there is none.
    """
    given = [photos] if isinstance(photos, Photo) else list(photos)
    if not given:
        raise MirageError(
            "no photo was given", todo="give a path, a PIL picture, or a list of them"
        )
    return given
