"""views: reference photos → the same object from all round, as pictures, films and JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from mirage.circle import circular_distance, wrap
from mirage.config import Config, ViewsConfig
from mirage.contracts import (
    ByteArray,
    FloatArray,
    IntArray,
    Orbit,
    PoseLabels,
    PoseRing,
    ReferenceEntry,
)
from mirage.errors import MirageError
from mirage.progress import show_progress
from mirage.ranks import join_ranks
from mirage.report.films import save_gif, save_mp4, save_webp
from mirage.report.panels import contact_sheet, turning_sheet
from mirage.report.view_metrics import colour_distance
from mirage.sampler.orbit import sample_orbit
from mirage.sampler.targets import ring_azimuths
from mirage.stages.folder import (
    RunFolder,
    hash_of,
    open_picture,
    read_json,
    save_picture,
    write_json,
)
from mirage.stages.turn.best_of import Scores, best_of
from mirage.stages.turn.object_views import draft_of_object
from mirage.stages.turn.references import Reference, find_references
from mirage.stages.turn.turner import Turner

SHEET, TURNING = "contact_sheet.png", "turning.webp"


def run(config: Config, folder: RunFolder) -> str:
    """Sample the orbits unless they are there; returns the closing line.

    Raises:
        MirageError: photos were refused; the others are turned before.
    """
    model_key = folder.key("model")
    turner = Turner.open(folder["model"])
    references, refused = find_references(config, folder, turner)
    ranks = join_ranks()
    mine = references[ranks.rank :: ranks.world]
    said = []
    for reference in show_progress(mine, "views", len(mine)):
        target = folder["views"] / reference.name
        settings = asdict(config.views) | {"references": None, "chunk": None}
        seen = [(p.pose, p.azimuth, p.pixels.tobytes().hex()) for p in reference.photos]
        key = hash_of(model_key, settings, seen)
        if not _is_made(target, key):
            views = make_views(turner, reference, config)
            _write(views, config, target, key)
            said += [f"{reference.name}: {entry_line(entry)}" for entry in views.orbit.entries]
    print(*said, sep="\n", end="\n" if said else "", flush=True)
    some_made = any(ranks.gather(bool(said)))
    if some_made and ranks.is_first:
        from mirage.stages.record import record_views  # takes seconds

        record_views(config, folder, [folder["views"] / r.name for r in references])
    if config.views.reference == "heldout" and ranks.is_first:
        write_json(folder["views"] / "heldout.json", [r.name for r in references])
        orbits = [read_orbit(folder["views"] / r.name) for r in references]
        save_picture(folder["views"] / SHEET, contact_sheet(orbits, num_views(config.views)))
        save_webp(turning_sheet(orbits), folder["views"] / TURNING)
    if refused and ranks.is_first:
        raise _refusal(refused, len(references), folder["views"])
    where = folder["views"] if len(references) > 1 else folder["views"] / references[0].name
    return f"views: {len(references)} references, {num_views(config.views)} views each → {where}"


def num_views(config: ViewsConfig) -> int:
    """Views of each reference."""
    return config.count if config.azimuths is None else len(config.azimuths)


def target_azimuths(ring: PoseRing, own: float, config: ViewsConfig) -> FloatArray:
    """[V] degrees on the ring: those asked for, or round from the photo's `own`."""
    if config.azimuths is not None:
        return wrap(np.asarray(config.azimuths, dtype=np.float64))
    return ring_azimuths(ring, config.count, own)


def entry_line(entry: ReferenceEntry) -> str:
    """How a reference entered the sampler, in words."""
    compared = ", ".join(f"{name} {value:.1f}" for name, value in entry.psnr.items())
    why = f" (denoised back, PSNR in dB: {compared})" if compared else ""
    return f"reference by {entry.path}{why}"


def _refusal(refused: list[MirageError], num_turned: int, where: Path) -> MirageError:
    if len(refused) == 1 and not num_turned:
        return refused[0]
    listed = "".join(f"\n- {error.what}\n  see: {error.where}" for error in refused)
    return MirageError(
        f"{num_turned} photos are turned, {len(refused)} are not:{listed}",
        where=str(where),
        todo="look at the pictures named; for one photo, reference_pose=POSE insists",
    )


@dataclass(frozen=True)
class Views:
    """V views of an object, and how good they are.

    Attributes:
        reference: the object, as the photos of it were read.
        orbit: the views as they were sampled.
        found: [V] what the bank reads in them: pose, azimuth, confidence, outlier.
        samples: scores of all samples of each view; None where only one was made.
    """

    reference: Reference
    orbit: Orbit
    found: PoseLabels
    samples: Scores | None = None

    @property
    def images(self) -> list[Image.Image]:
        """V pictures, RGB, square, of the model's resolution."""
        return [Image.fromarray(frame) for frame in self.frames]

    @property
    def frames(self) -> ByteArray:
        """[V, H, W, 3] uint8, the same views."""
        return self.orbit.frames

    @property
    def azimuth(self) -> FloatArray:
        """[V] degrees in [0, 360) on the run's ring that were asked for."""
        return self.orbit.azimuth

    @property
    def pose(self) -> IntArray:
        """[V] poses asked for, in [0, K)."""
        return self.orbit.pose

    @property
    def azimuth_error(self) -> FloatArray:
        """[V] degrees in [0, 180] from the azimuth asked for to the one found; less is better."""
        return circular_distance(self.found.azimuth, self.azimuth)

    @property
    def colour_distance(self) -> FloatArray:
        """[V] in [0, 1], how far a view's colours are from the photo's; less is better."""
        return colour_distance(self.orbit.reference, self.frames)


def make_views(turner: Turner, reference: Reference, config: Config) -> Views:
    """The object from all round, or from where `views.azimuths` says."""
    azimuths = target_azimuths(turner.bank.ring, reference.first.azimuth, config.views)
    orbit, scores = turn_and_score(turner, reference, azimuths, config)
    return Views(reference, orbit, turner.read_poses(orbit.frames), scores)


def turn(turner: Turner, reference: Reference, azimuths: FloatArray, config: Config) -> Orbit:
    """The reference's views at `azimuths` on the ring, each the best of `views.best_of`."""
    return turn_and_score(turner, reference, azimuths, config)[0]


def turn_and_score(
    turner: Turner, reference: Reference, azimuths: FloatArray, config: Config
) -> tuple[Orbit, Scores | None]:
    """As `turn`, with the scores that it chose by; None where there was nothing to choose."""

    weak, shown = turner.weak(config.views), reference.photos[: config.views.photos]

    def sample(settings: ViewsConfig, draft: ByteArray | None = None) -> Orbit:
        return sample_orbit(
            turner.denoiser, turner.bank.ring, shown, azimuths, settings, weak=weak, draft=draft
        )

    scores = None
    if config.views.best_of == 1:
        orbit = sample(config.views)
    else:
        read = turner.read_poses
        orbit, scores = best_of(
            config.views.best_of, config.views, sample, lambda orbit: read(orbit.frames)
        )
    if config.views.refine == "3d":
        again = sample(config.views, draft_of_object(orbit, turner, config.shape))
        orbit = replace(again, num_forwards=orbit.num_forwards + again.num_forwards)
    return orbit, scores


def _is_made(target: Path, key: str) -> bool:
    try:
        return bool(read_json(target / "views.json")["key"] == key)
    except (MirageError, KeyError):
        return False


def _write(made: Views, config: Config, target: Path, key: str) -> None:
    """One folder: frames, GIF, MP4, contact sheet, and last of all views.json."""
    reference, orbit, found, scores = made.reference, made.orbit, made.found, made.samples
    target.mkdir(parents=True, exist_ok=True)
    for stale in target.glob("*.*"):
        stale.unlink()
    Image.fromarray(orbit.reference).save(target / "reference.png")
    for i, photo in enumerate(reference.photos[1:], start=2):
        Image.fromarray(photo.pixels).save(target / f"reference_{i}.png")
    names = [f"view_{i:03d}.png" for i in range(len(orbit.frames))]
    for name, frame in zip(names, orbit.frames, strict=True):
        Image.fromarray(frame).save(target / name)
    save_gif(orbit.frames, target / "orbit.gif")
    save_mp4(orbit.frames, target / "orbit.mp4")
    contact_sheet([orbit], len(orbit.frames)).save(target / SHEET)
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
        "photos": [{"pose": p.pose, "azimuth": p.azimuth} for p in reference.photos],
        "reference_pose": reference.first.pose,
        "reference_azimuth": reference.first.azimuth,
        "reference_confidence": reference.confidence,
        "reference_outlier": reference.outlier,
        "reference_entries": [asdict(entry) for entry in orbit.entries],
        "forwards": orbit.num_forwards,
        "best_of": None
        if scores is None
        else {
            "chosen": scores.total.argmax(axis=0).tolist(),
            "azimuth_error": scores.azimuth_error.tolist(),
            "colour_distance": scores.colour_distance.tolist(),
        },
        "seed": config.views.seed,
        "mode": config.views.mode,
        "settings": asdict(config.views),
        "views": views,
    }
    write_json(target / "views.json", facts)


def read_orbit(target: Path) -> Orbit:
    """The orbit that a finished folder holds.

    Raises:
        MirageError: a file is missing or damaged.
    """
    facts = read_json(target / "views.json")
    views = facts["views"]
    return Orbit(
        reference=np.asarray(open_picture(target / "reference.png")),
        frames=np.stack([np.asarray(open_picture(target / view["file"])) for view in views]),
        azimuth=np.asarray([view["azimuth_asked"] for view in views]),
        pose=np.asarray([view["pose_asked"] for view in views]),
        reference_pose=int(facts["reference_pose"]),
    )


def with_mode(config: Config, mode: str) -> Config:
    """The same configuration with another views.mode."""
    return replace(config, views=replace(config.views, mode=mode))
