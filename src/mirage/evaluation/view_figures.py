"""How good a run's views are: every row of settings beside what can be had without a model.

Objects are turned in batches, each in every row before the next, so that a load on the machine
slows all rows alike. All figures of a row are of the same pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mirage.config import Config
from mirage.core.angles import circular_distance
from mirage.core.contracts import ByteArray, FloatArray, PoseLabels
from mirage.core.progress import counting
from mirage.distributed.ranks import join_ranks
from mirage.evaluation.kept_cases import KeptCase
from mirage.evaluation.nearest_photos import NearestPhotos
from mirage.evaluation.second_reader import SecondReader, fit_second_reader
from mirage.evaluation.view_cases import Case
from mirage.evaluation.view_sets import halves_apart, heldout_features, set_figures
from mirage.evaluation.view_summary import Row, by_quarter, difference, summarise
from mirage.generation.cost import Cost, measure_cost
from mirage.generation.references import Reference
from mirage.generation.sampling import TOGETHER, sample
from mirage.generation.view_generator import ViewGenerator
from mirage.images.image_set import ImageSet
from mirage.metrics import views as metrics
from mirage.poses.bank_file import load_bank
from mirage.poses.labels import read_labels
from mirage.runs.folder import BANK_FILE, LABELS_FILE, RunFolder
from mirage.sampler.targets import nearest_pose
from mirage.training.framed import open_framed

NUM_KEPT = 4  # objects: they are drawn at random, and so are the first of them
_TOLD = ("azimuth_error", "psnr", "colour_distance")
_Looked = tuple[dict[str, FloatArray], FloatArray]  # figures, features
COPY, NEAREST, TRUTH = "copy the reference", "nearest training image", "true renders"


def measure_views(
    rows: Mapping[str, Config],
    pairs: Sequence[tuple[str, str]],
    photos: RunPhotos,
    generator: ViewGenerator,
    cases: Sequence[Case],
    azimuths: FloatArray,
    seed: int,
    keep: Path | None = None,
) -> dict[str, Any]:
    """Rows of figures with intervals over objects, and the differences between rows.

    Args:
        rows: name → the settings that views are sampled with; COPY, NEAREST and TRUTH come beside.
        pairs: (minus, of), names of rows whose difference is wanted.
        photos: of the run, that views are compared with.
        azimuths: [V] degrees on the ring that every row is asked for.
        seed: of what is drawn: training photos, held-out photos, resamples.
        keep: where the first few objects are kept as they were turned in every row.

    Keys: views, a list of rows, each with mode, figures by name, and intervals by the same names;
    quarters, of each mode, how views are read by where they were asked for (`by_quarter`);
    differences, as views, with `of` and `minus`; view_set, what the rows were measured on.
    """
    asked = nearest_pose(generator.bank.ring, azimuths)
    nearest = NearestPhotos.gather(
        photos.images,
        photos.labels,
        generator.bank.ring,
        asked,
        generator.denoiser.resolution,
        seed,
    )
    heldout = heldout_features(photos.images, generator, cases, seed)
    readers = Readers(generator, photos.second)
    found = _measure_rows(rows, readers, cases, azimuths, nearest, keep)
    sets = {name: set_figures(row.pooled, heldout) for name, row in found.items()}
    return {
        "views": [{"mode": name} | summarise(row, sets[name], seed) for name, row in found.items()],
        "quarters": [
            {"mode": name} | quarter
            for name in rows
            for quarter in by_quarter(found[name], azimuths)
        ],
        "differences": [
            {"of": of, "minus": minus}
            | difference(found[of], found[minus], sets[of], sets[minus], seed)
            for minus, of in pairs
        ],
        "view_set": {
            "backbone": generator.backbone.config.name,
            "objects": len(cases),
            "views": len(azimuths),
            "heldout_images": len(heldout),
            "heldout_halves": halves_apart(heldout, seed),
            "second_reader_error": None if photos.second is None else photos.second.error,
        },
    }


@dataclass(frozen=True)
class RunPhotos:
    """A run's photos as its model sees them, and their labels; `second` has learned from both."""

    images: ImageSet
    labels: PoseLabels
    second: SecondReader | None = None

    @classmethod
    def open(cls, config: Config, folder: RunFolder) -> RunPhotos:
        """Read them; trains the second reader where `evaluate.second_reader` asks for it."""
        images, _ = open_framed(config, folder)
        labels = read_labels(folder["poses"] / LABELS_FILE)
        if not config.evaluate.second_reader:
            return cls(images, labels)
        flipped = load_bank(folder["poses"] / BANK_FILE).flipped(labels)
        return cls(images, labels, fit_second_reader(images, labels, flipped, config.evaluate.seed))


@dataclass(frozen=True)
class Readers:
    """What reads the views: the model's bank, and a second reader if there is one."""

    generator: ViewGenerator
    second: SecondReader | None = None


def _measure_rows(
    rows: Mapping[str, Config],
    readers: Readers,
    cases: Sequence[Case],
    azimuths: FloatArray,
    nearest: NearestPhotos,
    keep: Path | None,
) -> dict[str, Row]:
    ranks, generator = join_ranks(), readers.generator
    mine = ranks.share(len(cases))
    for settings in list(rows.values())[:1]:  # what only the first call pays
        pictures = len(mine) * len(azimuths) * settings.views.sampler.steps
        generator.settled(settings.views, pictures)
        sample(generator, [cases[0].reference], [azimuths[:1]], settings)
    measured: dict[int, dict[str, _Looked]] = {}
    costs: dict[str, list[Cost]] = {name: [] for name in rows}
    with counting("evaluate views", len(mine)) as count:
        for start in range(0, len(mine), TOGETHER):
            batch = mine[start : start + TOGETHER]
            turned = {}
            for name, settings in rows.items():
                objects = [cases[index].reference for index in batch]
                turned[name], cost = _turn_all(generator, objects, azimuths, settings)
                costs[name].append(cost)
            for place, index in enumerate(batch):
                shown = {name: frames[place] for name, frames in turned.items()}
                shown |= _without_a_model(cases[index], len(azimuths), nearest)
                measured[index] = {
                    name: _look(readers, cases[index], frames, azimuths, name)
                    for name, frames in shown.items()
                }
                if keep is not None and index < NUM_KEPT:
                    kept = _turned(cases[index], azimuths, generator, shown, measured[index])
                    kept.save(keep / f"{index:02d}")
                count(1)
    everyones = ranks.gather((measured, costs))
    figures = {index: found for part, _ in everyones for index, found in part.items()}
    in_order = [figures[index] for index in range(len(cases))]
    found = {name: [each[name] for each in in_order] for name in in_order[0]}
    return {
        row: Row(
            {name: np.stack([figures[name] for figures, _ in parts]) for name in parts[0][0]},
            np.stack([pooled for _, pooled in parts]),
            [cost for _, theirs in everyones for cost in theirs.get(row, ())],
        )
        for row, parts in found.items()
    }


def _turn_all(
    generator: ViewGenerator, objects: Sequence[Reference], azimuths: FloatArray, settings: Config
) -> tuple[list[ByteArray], Cost]:
    """The views of each object, [V, H, W, 3] uint8, and what one object's cost."""
    asked = [azimuths] * len(objects)
    orbits, cost = measure_cost(
        generator.denoiser, lambda: sample(generator, objects, asked, settings), len(objects)
    )
    return [orbit.frames for orbit in orbits], cost


def _turned(
    case: Case,
    azimuths: FloatArray,
    generator: ViewGenerator,
    shown: Mapping[str, ByteArray],
    looked: Mapping[str, _Looked],
) -> KeptCase:
    """What of one object is kept: its views in each row, and the true ones."""
    rows = {name: frames for name, frames in shown.items() if name not in (COPY, NEAREST)}
    scores = {
        name: {figure: float(np.mean(values[figure])) for figure in _TOLD if figure in values}
        for name, (values, _) in looked.items()
        if name in rows
    }
    first, asked = case.reference.first, nearest_pose(generator.bank.ring, azimuths)
    return KeptCase(case.reference.name, first.pixels, first.pose, azimuths, asked, rows, scores)


def _without_a_model(case: Case, views: int, nearest: NearestPhotos) -> dict[str, ByteArray]:
    """What an object's views are compared with, [V, H, W, 3] uint8 by the row's name."""
    photo = case.reference.first.pixels
    shown = {COPY: np.repeat(photo[None], views, axis=0), NEAREST: nearest.views(photo)}
    return shown if case.truth is None else shown | {TRUTH: case.truth}


def _look(
    readers: Readers, case: Case, frames: ByteArray, azimuths: FloatArray, row: str
) -> _Looked:
    """Figures of one object's views, and their pooled features [V, C]."""
    generator, second = readers.generator, readers.second
    ring, truth = generator.bank.ring, None if row == TRUTH else case.truth

    def pictures(frames: ByteArray) -> metrics.Pictures:
        return metrics.Pictures(frames, generator.backbone(frames))

    views = pictures(frames)
    poses, boxes = generator.reader.look_at(frames, views.features)
    seen = metrics.SeenViews(
        views=views,
        photo=pictures(case.reference.first.pixels[None]),
        truth=None if truth is None else pictures(truth),
        away=circular_distance(poses.azimuth, azimuths),
        hits=poses.pose == nearest_pose(ring, azimuths),
        second_away=None if second is None else circular_distance(second(frames), azimuths),
        heights=[box.height for box in boxes if box is not None],
        closed=ring.closed,
    )
    return metrics.measure(seen), views.pooled
