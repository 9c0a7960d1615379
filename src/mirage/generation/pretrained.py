"""Weights to start from, by name or folder, and how a new clustering maps onto theirs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import mirage.pretrained
from mirage.core.contracts import PoseLabels
from mirage.core.errors import MirageError
from mirage.core.files import hash_files
from mirage.poses.bank import PoseBank
from mirage.poses.match import BankMatch, match_banks
from mirage.sampler.export import BANK

_AGREES_WITHIN = 15.0  # degrees, median difference of the azimuths that two banks give a photo
_UNEXPLAINED = 0.75  # of what one azimuth for all photos leaves: beyond, the old bank sees no turn


@dataclass(frozen=True)
class Agreement:
    """How the poses found now relate to those of the pretrained bank.

    Attributes:
        mapping: [K] the pretrained pose that each pose found now stands for.
        agreement: share of photos whose pose maps onto the one the pretrained bank gives them.
        residual: median difference of azimuths after the one offset and direction, degrees.
        retimed: what is left of it where the two circles are also timed alike. Which views are of
            one pose does not hang on the timing, so this decides.
        unexplained: of its mean, the share of what one azimuth for all photos would leave.
    """

    mapping: list[int]
    agreement: float
    residual: float
    retimed: float
    unexplained: float

    @property
    def holds(self) -> bool:
        """Whether the trained pose vectors can be taken over."""
        return self.retimed <= _AGREES_WITHIN and self.unexplained <= _UNEXPLAINED

    def __str__(self) -> str:
        outcome = "taken over" if self.holds else "too little: pose vectors start afresh"
        return (
            f"pretrained poses: {self.agreement:.0%} of photos agree, azimuths within "
            f"{self.residual:.1f}° (median; {self.retimed:.1f}° if timed alike, "
            f"{self.unexplained:.2f} of what one azimuth for all leaves) → {outcome}"
        )


def find_pretrained(name: str) -> Path:
    """The folder of exported weights called `name`, or `name` itself if it is a folder.

    Raises:
        MirageError: neither exists.
    """
    known = shipped()
    for folder in (Path(name), known.get(name)):
        if folder is not None and (folder / BANK).exists():
            return folder
    raise MirageError(
        f"no pretrained weights {name!r}",
        where="configuration key pretrained",
        todo=f"use {', '.join([*known, 'a run’s model/ folder'])}, or pretrained=null",
    )


def hash_pretrained(name: str) -> str:
    """A hash of the weights called `name`: other ones may have been trained in their place.

    Raises:
        MirageError: there are none.
    """
    return hash_files(sorted(path for path in find_pretrained(name).rglob("*") if path.is_file()))


def shipped() -> dict[str, Path]:
    """Name → folder of the exported weights that come with the package."""
    root = Path(mirage.pretrained.__file__).parent
    return {path.parent.name: path.parent for path in sorted(root.glob(f"*/{BANK}"))}


def match_pretrained(
    found: PoseLabels, bank: PoseBank, pretrained: PoseLabels, old: PoseBank
) -> tuple[Agreement, BankMatch]:
    """Relate poses found now to the pretrained bank's, given what each says of the same photos."""
    match = match_banks(found, pretrained, bank.num_poses, old.num_poses)
    agreement = Agreement(
        [int(k) for k in match.mapping],
        match.agreement,
        match.residual,
        match.retimed,
        match.unexplained,
    )
    return agreement, match
