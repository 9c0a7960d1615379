"""The commands that README, docs/ and the commands' own help tell a person to type."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mirage.commands.registry import COMMANDS

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
# Of a `code` word or an indented line, what it begins with tells a command from anything else.
_PROGRAMS = (
    "mirage",
    "torchrun",
    "make",
    "pip",
    "python",
    "scripts/slurm_cluster.sh",
    "wandb",
    "apt",
    "apt-get",
    "git",
    "source",
    "eval",
    "srun",
    "sbatch",
    "tar",
)
_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"^ {4}(\S.*)$", re.MULTILINE)
_INLINE = re.compile(r"`([^`]+)`")

# What stands for something else in a command → what a person might put there.
_PLACEHOLDERS = {
    "PHOTO_OR_FOLDER…": "car.jpg more_photos",
    "RUN… [run=DIR]": "runs/one runs/two run=runs/compare",
    "run=DIR": "run=runs/demo",
    "run=…": "run=runs/demo",
    "ablation=NAME": "ablation=steps",
    "launcher=NAME": "launcher=slurm",
    "KEY=a,b": "train.learning_rate=1e-4,1e-3",
    "MODEL": "runs/demo/model",
    "COMMAND": "views",
    "wandb agent ID": "wandb agent 1",
}


@dataclass(frozen=True)
class Typed:
    """A command as it stands somewhere; `words` are what the shell would make of it."""

    words: tuple[str, ...]
    where: str

    def __str__(self) -> str:
        return " ".join(self.words)


def typed_commands() -> list[Typed]:
    """Every command once, in the order in which a person comes upon them."""
    found: dict[tuple[str, ...], Typed] = {}
    for page in PAGES:
        for line in _lines(page.read_text()):
            for words in _split(line):
                found.setdefault(words, Typed(words, page.name))
    for name, command in COMMANDS.items():
        for words in _split(command.example):
            found.setdefault(words, Typed(words, f"mirage {name} --help"))
    return list(found.values())


def python_blocks(page: Path) -> list[str]:
    """The Python that a page shows, block by block."""
    return [code for language, code in _FENCED.findall(page.read_text()) if language == "python"]


def _lines(text: str) -> Iterator[str]:
    for language, block in _FENCED.findall(text):
        if language == "bash":
            yield from block.replace("\\\n", " ").splitlines()
    prose = _FENCED.sub("", text)
    for line in (*_INDENTED.findall(prose), *_INLINE.findall(prose)):
        words = line.split()
        if len(words) > 1 and words[0] in _PROGRAMS:
            yield " ".join(words)


def _split(line: str) -> Iterator[tuple[str, ...]]:
    """The commands of a line, with something real in place of every placeholder."""
    for placeholder, real in _PLACEHOLDERS.items():
        line = line.replace(placeholder, real)
    line = re.sub(r"\[(--?\w+|run=\S+)\]", r"\1", line)  # what may be left out is given
    for part in re.split(r"\s&&\s", line):
        words = shlex.split(part, comments=True)
        if words:
            yield tuple(words)
