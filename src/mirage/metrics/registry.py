"""Every metric that a user is told of, once: its label, unit, digits, direction and meaning.

Tables, the page, W&B, sweeps, ablations and the docs are made from it. To add a metric, compute it
under a name and give the name an entry here, in the group of what it is a metric of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

_ARROWS = {"up": " ↑", "down": " ↓", "none": ""}


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
        name: its key, in figures.json among others.
        label: as people call it. meaning: in one line.
        unit: of what is shown. bounds: of what has no unit.
        digits: after the point.
        better: the way in which it gets better.
        needs_truth: whether it compares with the truth.
        signed: shown with its sign, as a difference is.
        factor: shown is so many times the value: 100 of a share in percent.
        median: over views or objects it is their median; a mean otherwise.
        main: sweeps, ablations, differences and the W&B workspace show it unasked.
    """

    name: str
    label: str
    meaning: str
    unit: str = ""
    bounds: str = ""
    digits: int = 3
    better: Literal["up", "down", "none"] = "none"
    needs_truth: bool = False
    signed: bool = False
    factor: float = 1.0
    median: bool = False
    main: bool = False

    @property
    def title(self) -> str:
        """Such as `PSNR, dB`."""
        return f"{self.label}, {self.unit}" if self.unit else self.label

    @property
    def heading(self) -> str:
        """The title with an arrow towards the better."""
        return self.title + _ARROWS[self.better]

    def show(self, value: float, signed: bool = False) -> str:
        """A value as text, without the unit."""
        return f"{self.factor * value:{'+' if signed or self.signed else ''}.{self.digits}f}"


def _share(
    name: str, label: str, meaning: str, better: Literal["up", "down"], truth: bool = False
) -> Metric:
    return Metric(name, label, meaning, bounds="0 to 1", better=better, needs_truth=truth)


def _error(name: str, label: str, main: bool = False) -> Metric:
    meaning = f"{label} of azimuth errors over photos"
    return Metric(name, label, meaning, "°", digits=2, better="down", needs_truth=True, main=main)


def _beyond(limit: int, main: bool = False) -> Metric:
    return Metric(
        f"beyond_{limit}", f"beyond {limit}°", f"photos with an azimuth error over {limit}°", "%",
        digits=2, better="down", needs_truth=True, factor=100.0, main=main,
    )  # fmt: skip


AZIMUTH_ERROR = Metric(
    "azimuth_error", "azimuth error",
    "from the azimuth asked for to the one that the bank reads in a view, median over views", "°",
    digits=1, better="down", median=True,
)  # fmt: skip
WITHIN = _share("within", "within 15°", "views read within 15° of the azimuth asked for", "up")
ASKED = (AZIMUTH_ERROR, WITHIN)
READ = (
    Metric("second_error", "error by the second reader",
           "the azimuth error by a reader that learned from pixels, not from the bank", "°",
           digits=1, better="down", median=True),
    _share("second_within", "within 15° by it", "views that it reads within 15°", "up"),
    Metric("target_pose_accuracy", "pose accuracy", "views read as the pose asked for",
           bounds="0 to 1", better="up", main=True),
    Metric("breathing", "breathing",
           "deviation of the object's height over its views, over its mean", bounds="from 0",
           better="down"),
)  # fmt: skip
PSNR = Metric("psnr", "PSNR", "peak signal-to-noise ratio", "dB", digits=2, better="up",
              needs_truth=True, main=True)  # fmt: skip
SSIM = Metric("ssim", "SSIM", "structural similarity, Gaussian window of 11 px",
              bounds="at most 1", better="up", needs_truth=True)  # fmt: skip
FEATURE_DISTANCE = Metric(
    "feature_distance", "feature distance",
    "mean squared difference of unit patch features (as LPIPS, without its weights)",
    bounds="0 to 4", better="down", needs_truth=True, main=True,
)  # fmt: skip
TRUTH = (PSNR, SSIM, FEATURE_DISTANCE)
REFERENCE = (
    Metric("to_reference", "to reference", "cosine of pooled features to the photo",
           bounds="-1 to 1", better="up"),
    Metric("adjacent", "adjacent", "cosine of pooled features of a view to the next",
           bounds="-1 to 1", better="up"),
    Metric("colour_distance", "colour distance",
           "sliced Wasserstein distance of a view's colours to the photo's", bounds="0 to 1",
           better="down", main=True),
)  # fmt: skip
FD = Metric("fd", "FD", "Fréchet distance of pooled features from held-out photos",
            bounds="from 0", digits=2, better="down", main=True)  # fmt: skip
SETS = (
    FD,
    Metric("kid", "KID × 1000", "kernel distance of pooled features from held-out photos",
           bounds="0 on average for one distribution", digits=2, better="down", factor=1000.0),
)  # fmt: skip
COST = (
    Metric("seconds_a_view", "seconds a view", "wall time", better="down"),
    Metric("forwards", "forwards an object", "passes of a picture through the network, all views",
           digits=0, better="down"),
    Metric("peak_memory_mib", "peak MiB", "memory of the GPU, or of the process on a CPU",
           digits=0, better="down"),
)  # fmt: skip
TURNS = (
    Metric("step", "mean step", "root mean square difference of a view to the next", "of 255",
           digits=1),
    Metric("largest", "largest / mean", "the largest step of a turn over the mean one", digits=2),
    Metric("border", "across a pose's border / within",
           "steps where the nearest pose changes over those where it does not", digits=2),
)  # fmt: skip

RING_SCORE = Metric("ring_score", "ring score", "how surely the poses close a circle",
                    bounds="0 to 1", better="up", main=True)  # fmt: skip
FOUND = (
    Metric("num_images", "photos", "photos that have a label", digits=0),
    Metric("num_poses", "poses", "poses found", digits=0),
    RING_SCORE,
    Metric("mean_confidence", "mean confidence", "of the labels", bounds="0 to 1", better="up"),
    Metric("outliers", "outliers", "photos unlike the others", digits=0),
)  # fmt: skip
HOMOGENEITY = Metric(
    "homogeneity", "homogeneity", "how far each pose holds one bin of 15° of true azimuths",
    bounds="0 to 1", better="up", needs_truth=True, main=True,
)  # fmt: skip
POSES = (
    _share("mask_iou", "mask IoU", "intersection over union of found and true masks", "up", True),
    HOMOGENEITY,
    Metric("nmi", "NMI", "normalised mutual information of poses and true azimuths",
           bounds="0 to 1", better="up", needs_truth=True, main=True),
    _share("purity", "purity", "photos of their pose's most frequent true azimuth", "up", True),
    _share("left_right", "left for right", "photos on the wrong side", "down", True),
    _share("front_rear", "front for rear", "photos on the wrong end", "down", True),
    _share("false_outliers", "false outliers", "own objects flagged as outliers", "down", True),
    _share("outliers_found", "outliers found", "other objects flagged as outliers", "up", True),
)  # fmt: skip
BEYOND_30, BEYOND_90 = _beyond(30), _beyond(90, main=True)
MEDIAN = _error("median_deg", "median", main=True)
AZIMUTHS = (
    _error("mean_deg", "mean"), MEDIAN, _error("p90_deg", "90th percentile", main=True),
    _beyond(15), BEYOND_30, BEYOND_90,
)  # fmt: skip
LEAD = Metric("lead_deg", "found − true", "how far found azimuths run ahead, median of a bin", "°",
              digits=1, needs_truth=True, signed=True)  # fmt: skip
RELIABILITY = (
    Metric("confidence", "confidence", "mean of photos of like confidence", bounds="0 to 1",
           digits=2),
    Metric("accuracy", "accuracy (≤ 15°)", "of them, those within 15° of the truth",
           bounds="0 to 1", digits=2, better="up", needs_truth=True),
    Metric("median_error", "median error", "of their azimuths", "°", digits=1, better="down",
           needs_truth=True),
    Metric("count", "photos", "how many they are", digits=0),
)  # fmt: skip

AUTOENCODER = (PSNR, SSIM, FEATURE_DISTANCE)  # of a reconstruction, whose truth is the photo
OBJECTS = (
    _share("silhouette_iou", "silhouette IoU", "silhouettes of the object with the views'", "up"),
    Metric("colour_error", "colour error", "mean difference of colour from the views",
           bounds="0 to 1", better="down"),
)  # fmt: skip

VIEWS = (*ASKED, *READ, *TRUTH, *REFERENCE)  # of each object; SETS are of all together
OF_ROWS = (*VIEWS, *SETS, *COST)  # of views that were sampled with one setting
GROUPS = {
    "views, as they are read": (*ASKED, *READ),
    "views and reconstructions, against the true picture": TRUTH,
    "views, against the photo": REFERENCE,
    "sets of views": SETS,
    "cost of views": COST,
    "whole turns": TURNS,
    "poses, as found": FOUND,
    "poses, against the truth": (*POSES, *AZIMUTHS, LEAD),
    "confidence of poses": RELIABILITY,
    "objects": OBJECTS,
}
METRICS = {metric.name: metric for group in GROUPS.values() for metric in group}
