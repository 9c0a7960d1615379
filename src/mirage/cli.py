"""mirage <command> [overrides]: the entry point."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path

from mirage.config import SWEPT_COMMANDS, Config
from mirage.errors import MirageError


@dataclass(frozen=True)
class Command:
    """One command: the stages it runs, and what its help says."""

    stages: tuple[str, ...]
    does: str
    needs: str
    keys: tuple[str, ...]
    example: str


_ROAD = ("images", "poses", "training", "views", "evaluate", "report")
COMMANDS = {
    "images": Command(
        ("images",),
        "List the photos, or render the turntable; reject what cannot be used.",
        "a folder, tar, tar shards or CSV of photos, CompCars, or nothing for the turntable",
        ("images.source=folder|tar|shards|csv|compcars|turntable", "images.path=PATH",
         "images.fit=pad|crop|stretch",
         "images.heldout_fraction=FLOAT", "images.turntable.category=cars|chairs|mugs",
         "images.turntable.variant=plain|textured|cluttered",
         "images.turntable.azimuths=[LOW,HIGH]"),
        "mirage images images.source=folder images.path=photos run=runs/mine",
    ),
    "poses": Command(
        ("poses",),
        "Find parts, poses and their ring in the photos, with nobody telling.",
        "images",
        ("backbone=dinov2|effnet_lite", "backbone.weights=FILE",
         "poses.count=auto|INT|[COARSE,FINE]",
         "parts.count=INT",
         "poses.sample=INT", "poses.front=POSE", "pretrained=NAME|null"),
        "mirage poses backbone=effnet_lite poses.count=12 run=runs/mine",
    ),
    "assign": Command(
        (),
        "Read the poses of new photos from the run's bank.",
        "poses",
        ("PHOTO_OR_FOLDER…", "--json",
         "--explain  (a picture of each photo's parts beside its pose's examples)"),
        "mirage assign holiday.jpg more_photos/ run=runs/mine --explain",
    ),
    "train": Command(
        ("training",),
        "Train the pose-conditional diffusion model; export it to model/.",
        "images, poses",
        ("train.steps=INT", "data.resolution=PIXELS", "data.batch_size=INT",
         "pretrained=NAME|null", "dry_run=true  (only say what it would take)"),
        "mirage train train.steps=20000 run=runs/mine",
    ),
    "views": Command(
        ("views",),
        "Turn the object of a photo, or of held-out photos, through 360°.",
        "train",
        ("views.reference=FILE|FOLDER|heldout", "views.reference_path=auto|inversion|fixed_noise",
         "views.background=keep|plain", "views.placement=fit|keep", "views.photos=INT",
         "views.count=INT", "views.azimuths=[DEGREES,…]", "views.seed=INT",
         "views.best_of=INT", "views.mode=none|start|soft|hard",
         "views.pose_guidance=FLOAT", "reference_pose=POSE"),
        "mirage views views.reference=car.jpg views.count=24 run=runs/mine",
    ),
    "evaluate": Command(
        ("evaluate",),
        "Measure poses, and views where a model is trained; on fresh turntable objects, the truth.",
        "poses",
        ("evaluate.seed=INT", "evaluate.objects=INT", "evaluate.json=FILE"),
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
    "run": Command(
        _ROAD,
        "All of the above in order, skipping what is done.",
        "as images",
        ("experiment=NAME", "run=DIR"),
        "mirage run experiment=demo",
    ),
    "sweep": Command(
        (),
        "Run many variants of one experiment; compare them in a table and plots.",
        "as images",
        ("sweep=NAME", "KEY=VALUE,VALUE,…", "sweep.commands=[COMMAND,…]", "run=DIR",
         "launcher=NAME", "sweep.wandb=FILE  (write it for agents of W&B, run nothing)",
         "(any command with --multirun is a sweep of it and of the commands before it)"),
        "mirage sweep sweep=poses_k",
    ),
    "doctor": Command(
        (),
        "Say what this machine can do, and what to start with on it.",
        "nothing",
        (),
        "mirage doctor",
    ),
    "experiments": Command(
        (),
        "List the files of experiments/, by the key that names them.",
        "nothing",
        (),
        "mirage experiments",
    ),
}  # fmt: skip

MULTIRUN = ("--multirun", "-m")  # options that make a sweep of a command


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; exits 0, or 1 with a message, or 130 when interrupted."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        status = _dispatch(words)
    except MirageError as error:
        print(f"mirage: {error}", file=sys.stderr)
        status = 1
    except KeyboardInterrupt:
        print("mirage: interrupted; the same command goes on from here", file=sys.stderr)
        status = 130
    sys.exit(status)


def _dispatch(words: list[str]) -> int:
    asks_help = any(word in ("--help", "-h") for word in words)
    if not words or (asks_help and words[0] not in COMMANDS):
        print(general_help())
        return 0
    name, rest = words[0], words[1:]
    if name not in COMMANDS:
        raise MirageError(
            f"no command {name!r}", where="command line", todo=f"use {', '.join(COMMANDS)}"
        )
    if asks_help:
        print(command_help(name))
        return 0
    flags = [word for word in rest if word in MULTIRUN or word.startswith("--")]
    photos = [word for word in rest if name == "assign" and not _is_override(word)]
    photos = [word for word in photos if word not in flags]
    unknown = set(flags) - _options(name)
    if unknown:
        raise MirageError(
            f"unknown option {sorted(unknown)[0]}", where="command line", todo="write key=value"
        )
    if name == "doctor":
        _refuse_words(name, rest)
        from mirage import doctor

        doctor.run()
        return 0
    # Heavy imports come after help and errors, which should be instant.
    from mirage.experiment import load_config
    from mirage.stages.folder import RunFolder

    if name == "experiments":
        print(_experiments(rest))
        return 0
    if name == "sweep" or set(flags) & set(MULTIRUN):
        print(_sweep(name, [word for word in rest if word not in flags]))
        return 0
    config = load_config([w for w in rest if w not in flags and w not in photos])
    folder = RunFolder(Path(config.run))
    if name == "assign":
        print(_stage("assign")(config, folder, photos, "--json" in flags, "--explain" in flags))
        return 0
    if config.launcher.kind == "slurm" and not config.dry_run:
        from mirage.launch import submit

        print(submit(name, partial(run_as_job, name), config))
        return 0
    run_command(name, config)
    return 0


def run_as_job(name: str, config: Config) -> None:
    """`run_command` as a job of its own does it: it fails as a process, with a message."""
    try:
        run_command(name, config)
    except MirageError as error:
        print(f"mirage: {error}", flush=True)
        sys.exit(1)
    except KeyboardInterrupt:
        print("mirage: interrupted; the same command goes on from here", flush=True)
        sys.exit(130)


def _options(name: str) -> set[str]:
    if name == "assign":
        return {"--json", "--explain"}
    return set(MULTIRUN) if name in (*SWEPT_COMMANDS, "sweep") else set()


def run_command(name: str, config: Config) -> None:
    """Run the stages of a command; each ends with a line that says what it wrote."""
    from mirage.experiment import save_config
    from mirage.ranks import find_ranks
    from mirage.stages.folder import RunFolder

    speaks = find_ranks().is_first
    if config.dry_run and name != "train":
        raise MirageError(
            f"`mirage {name}` cannot be tried without doing it",
            where="configuration key dry_run",
            todo="it is for `mirage train`, which is what takes long",
        )
    if speaks and not config.dry_run:
        save_config(config)
    for stage in COMMANDS[name].stages:
        line = _stage(stage)(config, RunFolder(Path(config.run)))
        if speaks:
            print(line, flush=True)


def _sweep(command: str, words: list[str]) -> str:
    from mirage.agents import write_for_agents
    from mirage.multirun import load_multirun

    sweep = load_multirun(words, command)
    if sweep.settings.wandb is not None:
        return write_for_agents(sweep)
    return _stage("sweep")(sweep, run_command)


def _experiments(words: list[str]) -> str:
    from mirage.experiment import list_experiments

    _refuse_words("experiments", words)
    lines = []
    for group, names in list_experiments().items():
        width = max(map(len, names))
        lines += [f"{group}=", *(f"  {name:<{width}}  {line}" for name, line in names.items()), ""]
    return "\n".join(lines[:-1])


def _refuse_words(name: str, words: list[str]) -> None:
    if words:
        raise MirageError(
            f"{words[0]!r} is not understood", where="command line", todo=f"`mirage {name}`"
        )


def _is_override(word: str) -> bool:
    """Whether a word of `assign` is key=value and not the name of a photo."""
    return "=" in word and not Path(word).exists()


def _stage(name: str) -> Callable[..., str]:
    run: Callable[..., str] = import_module(f"mirage.stages.{name}").run
    return run


def general_help() -> str:
    """What `mirage --help` prints."""
    lines = ["mirage <command> [key=value …]", "", "commands, in the order of the road:"]
    lines += [f"  {name:<12}{command.does}" for name, command in COMMANDS.items()]
    lines += [
        "",
        "experiment=NAME takes a file of experiments/experiment/; run=DIR is the run's folder,",
        "which remembers its configuration: later commands need only run=DIR.",
        "With --multirun and key=a,b a command is run for every value: a sweep.",
        "With launcher=slurm a command, or every point of a sweep, is a job of the cluster.",
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
        lines += ["keys:", *(f"  {key}" for key in command.keys)]
    lines += ["", f"example:  {command.example}"]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
