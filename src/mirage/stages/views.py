"""views: reference photos → the same object from all round, as pictures, films and JSON."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from mirage.config import Config
from mirage.contracts import HELDOUT, ByteArray, FloatArray, Orbit, PoseLabels
from mirage.errors import MirageError
from mirage.features.backbone import Backbone, load_backbone
from mirage.images.decode import UndecodableError, decode, to_square
from mirage.images.manifest import open_images
from mirage.images.progress import show_progress
from mirage.model.denoiser import PoseDenoiser
from mirage.poses.bank import PoseBank
from mirage.report.films import save_gif, save_mp4
from mirage.report.panels import contact_sheet
from mirage.sampler.orbit import ring_azimuths, sample_orbit
from mirage.sampler.pipeline import BANK, load_pipeline
from mirage.stages.folder import RunFolder, hash_of, read_json, save_picture, write_json
from mirage.stages.poses import device

SHEET = "contact_sheet.png"
_SURE_ENOUGH = 0.05  # below this confidence the pose of a reference is said to be unsure


@dataclass(frozen=True)
class Turner:
    """A trained model with the bank that reads poses for it."""

    denoiser: PoseDenoiser
    bank: PoseBank
    backbone: Backbone

    @classmethod
    def open(cls, model: Path) -> Turner:
        """Load model/ and its bank onto the GPU, or the CPU where there is none."""
        pipeline = load_pipeline(model)
        bank = PoseBank.load(model / BANK)
        backbone = load_backbone(bank.backbone, device())
        return cls(pipeline.denoiser.to(device()), bank, backbone)

    def read_poses(self, photos: ByteArray) -> PoseLabels:
        """The poses of [B, H, W, 3] uint8 photos of any size."""
        return self.bank.assign(self.backbone(photos))


@dataclass(frozen=True)
class Reference:
    """A photo to turn: at the model's resolution, and its pose with confidence."""

    name: str
    path: str
    photo: ByteArray
    pose: int
    azimuth: float
    confidence: float


def run(config: Config, folder: RunFolder) -> str:
    """Sample the orbits unless they are there; returns the closing line."""
    model_key = folder.key("model")
    turner = Turner.open(folder["model"])
    references = find_references(config, folder, turner)
    azimuths = ring_azimuths(turner.bank.ring, config.views.count)
    made = 0
    for reference in show_progress(references, "views", len(references)):
        target = folder["views"] / reference.name
        settings = asdict(config.views) | {"references": None, "chunk": None}
        key = hash_of(model_key, settings, reference.pose, reference.photo.tobytes().hex())
        if not _is_made(target, key):
            orbit = turn(turner, reference, azimuths, config)
            _write(turner, reference, orbit, config, target, key)
            made += 1
    if config.views.reference == "heldout":
        write_json(folder["views"] / "heldout.json", [r.name for r in references])
        orbits = [read_orbit(folder["views"] / r.name) for r in references]
        save_picture(folder["views"] / SHEET, contact_sheet(orbits, config.views.count))
    where = folder["views"] if len(references) > 1 else folder["views"] / references[0].name
    return f"views: {len(references)} references, {config.views.count} views each → {where}"


def find_references(config: Config, folder: RunFolder, turner: Turner) -> list[Reference]:
    """The photo asked for, or held-out photos: of different objects, spread over the set.

    Raises:
        MirageError: the photo is missing or unreadable, or its pose is unsure.
    """
    images = open_images(folder["images"])
    size, fit = turner.denoiser.resolution, images.fit
    if config.views.reference != "heldout":
        path = Path(config.views.reference)
        try:
            photo = decode(path.read_bytes(), config.images.max_pixels)
        except (OSError, UndecodableError) as error:
            raise MirageError(
                f"the reference photo cannot be read: {error}",
                where=f"views.reference={path}",
                todo="give a photo, or views.reference=heldout",
            ) from error
        large = to_square(photo, turner.backbone.size, fit)
        name = re.sub(r"[^\w.-]+", "_", path.stem) or "photo"
        small = to_square(photo, size, fit)
        return [_posed(config, turner, name, str(path), small, large, insist=True)]
    ids = images.ids(HELDOUT)
    _, first = np.unique(images.object_id[ids].astype(str), return_index=True)
    one_each = ids[np.sort(first)]
    count = min(config.views.references, len(one_each))
    chosen = np.random.default_rng(config.views.seed).permutation(one_each)[:count]
    return [
        _posed(
            config, turner, f"heldout-{i:05d}", str(images.path[i]),
            images.load_square(int(i), size), images.load_square(int(i), turner.backbone.size),
        )
        for i in chosen
    ]  # fmt: skip


def _posed(
    config: Config, turner: Turner, name: str, path: str, small: ByteArray, large: ByteArray,
    insist: bool = False,
) -> Reference:  # fmt: skip
    labels = turner.read_poses(large[None])
    pose, azimuth = int(labels.pose[0]), float(labels.azimuth[0])
    confidence = float(labels.confidence[0])
    if insist and config.reference_pose is not None:
        pose = config.reference_pose
        azimuth = float(turner.bank.ring.azimuth[pose])
    elif insist and confidence < _SURE_ENOUGH:
        nearest = ", ".join(str(k) for k in labels.topk[0])
        raise MirageError(
            f"the photo's pose is unsure (confidence {confidence:.2f}); candidates: {nearest}",
            where=path,
            todo="look at poses/montage.png and add reference_pose=POSE",
        )
    return Reference(name, path, small, pose, azimuth, confidence)


def turn(turner: Turner, reference: Reference, azimuths: FloatArray, config: Config) -> Orbit:
    """The reference's views at `azimuths` on the ring."""
    return sample_orbit(
        turner.denoiser, turner.bank.ring, reference.photo, reference.pose, reference.azimuth,
        azimuths, config.views,
    )  # fmt: skip


def _is_made(target: Path, key: str) -> bool:
    try:
        return bool(read_json(target / "views.json")["key"] == key)
    except (MirageError, KeyError):
        return False


def _write(
    turner: Turner, reference: Reference, orbit: Orbit, config: Config, target: Path, key: str
) -> None:
    """One folder: frames, GIF, MP4, contact sheet, and last of all views.json."""
    target.mkdir(parents=True, exist_ok=True)
    for stale in target.glob("*.*"):
        stale.unlink()
    Image.fromarray(orbit.reference).save(target / "reference.png")
    names = [f"view_{i:03d}.png" for i in range(len(orbit.frames))]
    for name, frame in zip(names, orbit.frames, strict=True):
        Image.fromarray(frame).save(target / name)
    save_gif(orbit.frames, target / "orbit.gif")
    save_mp4(orbit.frames, target / "orbit.mp4")
    contact_sheet([orbit], config.views.count).save(target / SHEET)
    found = turner.read_poses(orbit.frames)
    views = [
        {
            "file": name,
            "azimuth_asked": float(orbit.azimuth[i]),
            "pose_asked": int(orbit.pose[i]),
            "azimuth_found": float(found.azimuth[i]),
            "pose_found": int(found.pose[i]),
            "confidence": float(found.confidence[i]),
        }
        for i, name in enumerate(names)
    ]
    facts = {
        "key": key,
        "reference": reference.path,
        "reference_pose": reference.pose,
        "reference_azimuth": reference.azimuth,
        "reference_confidence": reference.confidence,
        "seed": config.views.seed,
        "mode": config.views.mode,
        "settings": asdict(config.views),
        "views": views,
    }
    write_json(target / "views.json", facts)


def read_orbit(target: Path) -> Orbit:
    """The orbit that a finished folder holds.

    Raises:
        MirageError: the folder is not complete.
    """
    facts = read_json(target / "views.json")
    views = facts["views"]
    return Orbit(
        reference=_read_picture(target / "reference.png"),
        frames=np.stack([_read_picture(target / view["file"]) for view in views]),
        azimuth=np.asarray([view["azimuth_asked"] for view in views]),
        pose=np.asarray([view["pose_asked"] for view in views]),
        reference_pose=int(facts["reference_pose"]),
    )


def _read_picture(path: Path) -> ByteArray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def with_mode(config: Config, mode: str) -> Config:
    """The same configuration with another views.mode."""
    return replace(config, views=replace(config.views, mode=mode))
