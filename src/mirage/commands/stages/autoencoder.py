"""autoencoder: the run's photos → an autoencoder of them, and how well it keeps what it never saw.

A model of this run, or of another, is trained on its latents with
`model.autoencoder=<run>/autoencoder/model`.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import lightning
import numpy as np
from torch import nn

from mirage.config import AutoencoderConfig, Config
from mirage.core.contracts import HELDOUT, TRAIN, ByteArray
from mirage.core.errors import MirageError
from mirage.datamodules.crops import CroppedPhotos, PhotoSet
from mirage.distributed.device import device
from mirage.distributed.ranks import find_ranks, join_ranks
from mirage.drawing.tables import print_tables
from mirage.evaluation.reconstruction import (
    SHRUNK,
    draw_reconstructions,
    figures_of,
    plain_codec,
    shrink,
    table_of,
    through_codec,
)
from mirage.features.backbone import Backbone, load_backbone
from mirage.features.perceptual import PerceptualFeatures
from mirage.images.image_set import open_images
from mirage.metrics.registry import PSNR
from mirage.model.autoencoder import (
    AutoencoderTraining,
    build_autoencoder,
    freeze_encoder,
    loss_of_noise,
)
from mirage.model.codec import downscale, load_autoencoder
from mirage.runs.folder import RunFolder, hash_of, read_json, save_picture, write_json
from mirage.runs.request import Request
from mirage.sampler.export import forget_paths
from mirage.tracking.provenance import record_of
from mirage.tracking.record import record_autoencoder
from mirage.training.data import keep_pixels, share_of_batch
from mirage.training.fitting import averaged_weights, fit, resumable_trainer, set_aside_other
from mirage.training.framed import framed_key, open_framed
from mirage.training.latents import identity_of
from mirage.training.precision import settle_precision

log = logging.getLogger(__name__)

STAGE = "autoencoder"
MODEL = "model"  # what diffusers reads, in the stage's folder
FIGURES, PICTURE = "figures.json", "reconstructions.png"

# These do not change what training computes, or only how far it goes.
_MAY_CHANGE = ("steps", "checkpoint_minutes", "validate_every")
_MEASURED = 100  # held-out photos of a run, at most


def run(request: Request) -> str:
    """Train unless it is done, measure unless that is; prints a table, returns the closing line."""
    config, folder = request.config, request.folder
    settings, ranks, where = config.autoencoder, join_ranks(), folder[STAGE]
    sources = [folder, *(RunFolder(Path(other)) for other in settings.others)]
    photos = [_photos_key(config, folder), *(other.key("images") for other in sources[1:])]
    kept = {k: v for k, v in asdict(settings).items() if k not in (*_MAY_CHANGE, "others")}
    if settings.start is not None:
        kept["start"] = identity_of(settings.start)
    identity = hash_of(STAGE, photos, kept)
    key = hash_of(identity, settings.steps)

    def train() -> None:
        set_aside_other(where, identity, ranks)
        last = _fit(config, folder, sources)
        if ranks.is_first:
            _export(settings, last, where / MODEL)

    folder.make(STAGE, key, ranks, train)
    figures = _measure_once(config, folder, sources, hash_of(key, config.backbone))
    if ranks.is_first:
        print_tables([table_of(figures["rows"], settings.size)])
    psnr = figures["rows"][0][PSNR.name]
    return f"autoencoder: {settings.steps} steps, {psnr:.1f} dB held out → {where / MODEL}"


def _fit(config: Config, folder: RunFolder, sources: Sequence[RunFolder]) -> Path:
    settings, where, ranks = config.autoencoder, folder[STAGE], find_ranks()
    lightning.seed_everything(settings.seed, verbose=False)
    features = PerceptualFeatures() if settings.perceptual or settings.adversarial else None
    training = AutoencoderTraining(_begin(settings), settings, features)
    rows = share_of_batch(settings.batch_size, ranks.world, "autoencoder.batch_size")
    sets = gather_photos(config, sources)
    data = CroppedPhotos(sets, settings.crop, settings.zoom, rows, settings.steps, settings.seed)
    precision = settle_precision(settings, training, rows, where, ranks, loss_of_noise)
    settings = replace(settings, precision=precision)
    record = record_of(replace(config, autoencoder=settings), folder, STAGE)
    trainer = resumable_trainer(settings, where, settings.batch_size, record)
    return fit(trainer, training, data, where)


def _begin(settings: AutoencoderConfig) -> nn.Module:
    """What is trained, with its first weights.

    Raises:
        MirageError: there is none to begin from, or what it decodes to is not of the photos' side.
    """
    if settings.start is None:
        return build_autoencoder(settings)
    where = f"autoencoder.start={settings.start}"
    autoencoder = load_autoencoder(settings.start, where).requires_grad_(True)
    downscale(autoencoder, settings.crop, where)
    freeze_encoder(autoencoder)
    return autoencoder


def gather_photos(config: Config, sources: Sequence[RunFolder]) -> list[PhotoSet]:
    """The photos of each run at `autoencoder.size`; fills their caches where they are not full.

    A crop is of the first run's with the probability `autoencoder.own`, else of any other photo.
    """
    settings = config.autoencoder
    ids = [
        [open_images(source["images"]).ids(part) for part in (TRAIN, HELDOUT)] for source in sources
    ]
    counts = np.array([len(train) for train, _ in ids], float)
    others = counts[1:].sum()
    own = settings.own if others else 1.0
    shares = [own, *((1 - own) * counts[1:] / max(others, 1))]
    return [
        PhotoSet(pixels, train, held_out, float(share))
        for pixels, (train, held_out), share in zip(
            _pixels(config, sources), ids, shares, strict=True
        )
    ]


def _photos_key(config: Config, folder: RunFolder) -> str:
    """A hash of the run's photos as they are learned."""
    return framed_key(config, folder) if config.autoencoder.framed else folder.key("images")


def _pixels(config: Config, sources: Sequence[RunFolder]) -> list[ByteArray]:
    """[N, size, size, 3] the photos of each run, memory maps: whole, or the first run's framed.

    Raises:
        MirageError: they are to be framed, and no poses tell what the object is.
    """
    folder, size = sources[0], config.autoencoder.size
    maps = [
        keep_pixels(open_images(source["images"]), size, source["images"], source.key("images"))
        for source in sources[config.autoencoder.framed :]
    ]
    if config.autoencoder.framed:
        images, _ = open_framed(config, folder)
        maps.insert(0, keep_pixels(images, size, folder["images"], _photos_key(config, folder)))
    return maps


def _export(settings: AutoencoderConfig, checkpoint: Path, target: Path) -> None:
    """The averaged weights, as diffusers reads them, in place of those that are there."""
    autoencoder: Any = _begin(settings)
    autoencoder.load_state_dict(averaged_weights(checkpoint, "autoencoder"))
    shutil.rmtree(target, ignore_errors=True)
    autoencoder.eval().save_pretrained(target)
    forget_paths(target)


def _measure_once(
    config: Config, folder: RunFolder, sources: Sequence[RunFolder], key: str
) -> dict[str, Any]:
    """The figures, measured by the first process unless they are there; all must call this."""
    path, ranks = folder[STAGE] / FIGURES, join_ranks()
    is_measured = path.exists() and read_json(path)["key"] == key
    if not ranks.gather(is_measured)[0]:
        pixels = _pixels(config, sources)
        if ranks.is_first:
            figures = {"key": key, **_measure(config, folder, sources, pixels)}
            record_autoencoder(config, folder, figures["rows"][0], folder[STAGE] / PICTURE)
            write_json(path, figures)  # comes last: it says that all is there
    ranks.wait()
    return dict(read_json(path))


def _measure(
    config: Config, folder: RunFolder, sources: Sequence[RunFolder], pixels: Sequence[ByteArray]
) -> dict[str, Any]:
    where, size, backbone = folder[STAGE], config.autoencoder.size, _backbone(config)
    codec = plain_codec(load_autoencoder(str(where / MODEL), str(where)), size, str(where))
    rows, shown = [], []
    for source, of_source in zip(sources, pixels, strict=True):
        held_out = open_images(source["images"]).ids(HELDOUT)
        ids = np.random.default_rng(0).permutation(held_out)[:_MEASURED]
        photos = of_source[ids]
        again, name = through_codec(codec, photos), f"held out of {source.root.name}"
        shown.append((name, photos, again))
        rows.append({"photos": name, "count": len(ids)} | figures_of(photos, again, backbone))
        if source is folder:
            shrunk = {"photos": f"the same, {SHRUNK}", "count": len(ids)}
            rows.append(shrunk | figures_of(photos, shrink(photos, codec), backbone))
    save_picture(where / PICTURE, draw_reconstructions(shown))
    return {"size": size, "backbone": backbone.config.name if backbone else None, "rows": rows}


def _backbone(config: Config) -> Backbone | None:
    try:
        return load_backbone(config.backbone, device())
    except MirageError as error:  # its weights are not at hand: the rest can be measured
        log.warning(f"feature distance is not measured: {error.what}")
        return None
