"""How poses are found."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from mirage.config.values.checks import a_seed, positive, require

AUTO = "auto"


@dataclass
class PosesConfig:
    count: Any = AUTO  # poses, K: a number, auto, or [coarse, fine] for two levels
    discoveries: int = 3  # of the circle, each on a share of the photos; more if none confirms it
    grid: int = 5  # part layouts are pooled on grid × grid cells of a box round the object
    restarts: int = 10  # k-means restarts, the lowest inertia wins
    topk: int = 3  # poses kept in a soft label
    dims: int = 256  # principal components a part layout is reduced to
    erase_colour: bool = True  # take out of descriptors what can be read of colour
    sample: int = 8_000  # photos the parts and poses are fitted on, drawn at random
    # Pose → azimuth, degrees, as a person sees it: {3: 0, 7: 45}. 0 is a view that is its own
    # mirror image. Between anchors the circle is timed smoothly.
    anchors: dict[int, float | None] = field(default_factory=dict)
    seed: int = 0  # of the discoveries, of k-means, and of the photos shown

    def __post_init__(self) -> None:
        positive("poses", self, "grid", "restarts", "topk", "dims", "sample", "discoveries")
        a_seed("poses", self)
        counts = self.counts
        require(
            (bool(counts) or self.count == AUTO)
            and all(type(count) is int and count >= 3 for count in counts),
            "poses.count",
            f"{self.count!r} is not a number of poses",
            "use auto, a number of at least 3, or [coarse, fine]",
        )
        require(
            len(counts) <= 2 and list(counts) == sorted(set(counts)),
            "poses.count",
            f"{self.count} are not two levels",
            "write [coarse, fine], such as [6,24]",
        )
        most = counts[-1] if counts else None
        require(
            most is None or self.topk <= most,
            "poses.topk",
            f"topk {self.topk} exceeds poses.count {most}",
        )
        for pose, azimuth in self.anchors.items():
            require(
                azimuth is not None and math.isfinite(azimuth),
                "poses.anchors",
                f"there is no azimuth in {pose}: {azimuth}",
                "write degrees and a space after each colon, as in '{3: 0, 7: 45}'",
            )
            require(
                pose >= 0 and (most is None or pose < most),
                "poses.anchors",
                f"pose {pose} does not exist",
                "poses are numbered from 0"
                if most is None
                else f"poses are numbered 0 to {most - 1}",
            )

    @property
    def counts(self) -> tuple[int, ...]:
        """The numbers of poses asked for, coarse before fine; none if the data shall decide."""
        if self.count == AUTO:
            return ()
        return tuple(self.count) if isinstance(self.count, list) else (self.count,)

    @property
    def anchored(self) -> dict[int, float]:
        """Pose → azimuth, degrees, as a person gave them."""
        return {pose: azimuth for pose, azimuth in self.anchors.items() if azimuth is not None}
