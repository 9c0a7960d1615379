"""What is measured, on what."""

from __future__ import annotations

from dataclasses import dataclass, field

from mirage.config.sections.views import MODES
from mirage.config.values.checks import a_seed, one_of, positive, require
from mirage.config.values.places import Place


@dataclass
class EvaluateConfig:
    seed: int = 0  # fresh turntable objects of this seed, never seen in training
    objects: int = 16  # fresh objects
    photos: int = 12  # fresh renders per object for the pose figures
    baselines: bool = True  # also find poses in simpler ways, which takes as long again
    views: int = 12  # views per object for the view figures
    turn: int = 36  # views of a whole turn whose evenness is measured; 0 leaves it out
    modes: list[str] = field(default_factory=lambda: list(MODES))  # of views.mode, a row each
    second_reader: bool = True  # views are read by a small network too, trained in a minute
    json: Place | None = None  # also write the figures here
    # A CSV of the photos' true azimuths, degrees: path,azimuth[,elevation]; nothing else reads it.
    truth: Place | None = None

    def __post_init__(self) -> None:
        positive("evaluate", self, "objects", "photos", "views")
        a_seed("evaluate", self)
        require(self.turn == 0 or self.turn >= 3, "evaluate.turn", f"{self.turn} views are no turn")
        for mode in self.modes:
            one_of("evaluate.modes", mode, MODES)
