"""The commands of `mirage`: what each takes and says of itself.

Each is the `run(request)` of the module of its name, beside this one or, where it is a stage of a
run, in `stages/`. Those import what the work takes, which is seconds; this does not, so that help
and errors are instant.
"""

from __future__ import annotations

from dataclasses import dataclass

from mirage.config import SWEPT_COMMANDS
from mirage.config.values.choices import CHOICES


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        stages: that it runs in order, each the module of its name; none: it is no work on a run
            that stages do, but its own module's.
        does, needs, keys, example: what its help says; of a key in `CHOICES` its name is enough.
        options: the words with a dash that it takes besides those of every command.
        prints_result: what it prints is its result, which nothing may hide.
    """

    stages: tuple[str, ...]
    does: str
    needs: str
    keys: tuple[str, ...]
    example: str
    options: tuple[str, ...] = ()
    prints_result: bool = False

    @property
    def described_keys(self) -> list[str]:
        """The keys, each with what it can be."""
        return [f"{key}={'|'.join(CHOICES[key])}" if key in CHOICES else key for key in self.keys]


_ROAD = ("images", "poses", "train", "views", "evaluate", "report")
COMMANDS = {
    "images": Command(
        ("images",),
        "List the photos, or render the turntable; reject what cannot be used.",
        "a folder, tar, tar shards or CSV of photos, CompCars, or nothing for the turntable",
        (
            "images.source",
            "images.path=PATH",
            "images.fit",
            "images.frame",
            "images.heldout_fraction=FLOAT",
            "images.turntable.category",
            "images.turntable.variant",
            "images.turntable.azimuths=[LOW,HIGH]",
            "images.turntable.density=[[AZIMUTH,WITHIN,SHARE],…]",
        ),
        "mirage images images.source=folder images.path=photos run=runs/mine",
    ),
    "autoencoder": Command(
        ("images", "autoencoder"),
        "Train an autoencoder on the photos, for a model of latents.",
        "as images",
        (
            "autoencoder.factor=4|8",
            "autoencoder.steps=INT",
            "autoencoder.latent_channels=INT",
            "autoencoder.size=PIXELS",
            "autoencoder.others=[RUN,…]  (learn their photos, too)",
        ),
        "mirage autoencoder images.path=photos run=runs/mine",
    ),
    "poses": Command(
        ("poses",),
        "Find parts, poses and their ring in the photos, with nobody telling.",
        "images",
        (
            "backbone=dinov2|effnet_lite",
            "backbone.weights=FILE",
            "poses.count=auto|INT|[COARSE,FINE]",
            "parts.count=INT",
            "poses.sample=INT",
            "poses.anchors={POSE: DEGREES,…}",
            "pretrained=NAME|null",
        ),
        "mirage poses backbone=effnet_lite poses.count=12 run=runs/mine",
    ),
    "assign": Command(
        (),
        "Read the poses of new photos from the run's bank.",
        "poses",
        (
            "PHOTO_OR_FOLDER…",
            "--json",
            "--explain  (a picture of each photo's parts beside its pose's examples)",
        ),
        "mirage assign holiday.jpg more_photos/ run=runs/mine --explain",
        options=("--explain",),
        prints_result=True,
    ),
    "train": Command(
        ("train",),
        "Train the pose-conditional diffusion model; export it to model/.",
        "images, poses",
        (
            "train.steps=INT",
            "data.resolution=PIXELS",
            "data.batch_size=INT",
            "pretrained=NAME|null",
            "dry_run=true  (only say what it would take)",
        ),
        "mirage train train.steps=20000 run=runs/mine",
    ),
    "views": Command(
        ("views",),
        "Turn the object of a photo, or of held-out photos, through 360°.",
        "train",
        (
            "views.reference=FILE|FOLDER|heldout",
            "views.noise",
            "views.background",
            "views.placement=fit|keep",
            "views.photos=INT",
            "views.count=INT",
            "views.azimuths=[DEGREES,…]",
            "views.seed=INT",
            "views.best_of=INT",
            "views.mode",
            "views.guidance.pose.weight=FLOAT",
            "reference_pose=POSE",
        ),
        "mirage views views.reference=car.jpg views.count=24 run=runs/mine",
    ),
    "reconstruct": Command(
        ("reconstruct",),
        "Make a 3D object of views from all round: a mesh to open in Blender or a browser.",
        "train",
        ("views.reference=FILE|FOLDER", "shape.views=INT", "shape.voxels=INT", "shape.steps=INT"),
        "mirage reconstruct views.reference=car.jpg run=runs/mine",
    ),
    "evaluate": Command(
        ("evaluate",),
        "Measure poses, and views where a model is trained; on fresh turntable objects, the truth.",
        "poses",
        (
            "evaluate.truth=FILE.csv",
            "evaluate.seed=INT",
            "evaluate.objects=INT",
            "evaluate.json=FILE",
        ),
        "mirage evaluate evaluate.seed=7 evaluate.json=figures.json run=runs/demo",
    ),
    "ablate": Command(
        ("ablate",),
        "Compare settings of the sampler on one trained model, object by object.",
        "evaluate",
        ("ablation=NAME", "ablation.objects=INT", "ablation.seed=INT"),
        "mirage ablate ablation=steps run=runs/demo",
    ),
    "report": Command(
        ("report",),
        "Write one self-contained HTML page of everything there is.",
        "poses",
        (),
        "mirage report run=runs/mine",
    ),
    "compare": Command(
        (),
        "Write one self-contained HTML page of several runs side by side.",
        "reports could be written of all of them",
        ("RUN…", "run=DIR  (where the page goes: DIR/index.html; runs/compare by default)"),
        "mirage compare runs/one runs/two run=runs/compare",
    ),
    "run": Command(
        _ROAD,
        "Images, poses, train, views, evaluate and report, skipping what is done.",
        "as images",
        (
            "experiment=NAME  (a recipe is chosen where none is named)",
            "budget.minutes=MINUTES  (for training)",
            "run=DIR",
        ),
        "mirage run experiment=demo",
    ),
    "sweep": Command(
        (),
        "Run many variants of one experiment; compare them in a table and plots.",
        "as images",
        (
            "sweep=NAME",
            "KEY=VALUE,VALUE,…",
            "sweep.commands=[COMMAND,…]",
            "run=DIR",
            "launcher=NAME",
            "sweep.wandb=FILE  (write it for agents of W&B, run nothing)",
            "(any command with --multirun is a sweep of it and of the commands before it)",
        ),
        "mirage sweep sweep=poses_k",
    ),
    "doctor": Command(
        (),
        "Say what this machine can do, and what to start with on it.",
        "nothing",
        (),
        "mirage doctor",
        prints_result=True,
    ),
    "workspace": Command(
        (),
        "Put MIRAGE's workspace into a project of W&B: docs/dashboards.md.",
        "a W&B key, and `pip install wandb-workspaces`",
        ("project=NAME  (mirage by default)", "entity=NAME  (of the key by default)"),
        "mirage workspace project=mirage",
    ),
    "experiments": Command(
        (),
        "List the files of experiments/, by the key that names them.",
        "nothing",
        (),
        "mirage experiments",
        prints_result=True,
    ),
}

MULTIRUN = ("--multirun", "-m")  # options that make a sweep of a command
QUIET = ("--quiet", "-q")
JSON = "--json"


def options_of(name: str) -> tuple[str, ...]:
    """The words with a dash that a command takes, help apart."""
    swept = MULTIRUN if name in (*SWEPT_COMMANDS, "sweep") else ()
    return (*QUIET, JSON, *COMMANDS[name].options, *swept)


def general_help() -> str:
    """What `mirage --help` prints."""
    lines = ["mirage <command> [key=value …]", "", "commands, in the order in which they run:"]
    lines += [f"  {name:<12}{command.does}" for name, command in COMMANDS.items()]
    lines += [
        "",
        "experiment=NAME takes a file of experiments/experiment/; run=DIR is the run's folder,",
        "which remembers its configuration: later commands need only run=DIR.",
        "With --multirun and key=a,b a command is run for every value: a sweep.",
        "With launcher=slurm a command, or every point of a sweep, is a job of the cluster.",
        "--quiet prints errors only; --json prints progress and results as lines of JSON.",
        "Every key and its default: src/mirage/config/. `mirage <command> --help` tells more.",
        "",
        "example:  mirage run experiment=demo",
    ]
    return "\n".join(lines)


def command_help(name: str) -> str:
    """What `mirage <name> --help` prints."""
    command = COMMANDS[name]
    lines = [f"mirage {name} [key=value …]", "", command.does, "", f"needs:    {command.needs}"]
    if command.keys:
        lines += ["keys:", *(f"  {key}" for key in command.described_keys)]
    lines += ["", f"example:  {command.example}"]
    return "\n".join(lines)
