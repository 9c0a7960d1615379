"""Every metric that a user is told of, once: its label, unit, digits, direction and meaning.

Tables, the page, W&B, sweeps, ablations and the docs are made from it. To add a metric, compute it
under a name and give the name an entry here, in the group of what it is a metric of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Way = Literal["up", "down", "none"]
UP: Way = "up"
DOWN: Way = "down"
_ARROWS = {"up": " ↑", "down": " ↓", "none": ""}


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
        name: its key, in figures.json among others.
        label: as people call it. meaning: in one line.
        digits: after the point.
        better: the way in which it gets better.
        unit: of what is shown. bounds: of what has no unit.
        needs_truth: whether it compares with the truth.
        main: sweeps, ablations, differences and the W&B workspace show it unasked.
        median: over views or objects it is their median; a mean otherwise.
        signed: shown with its sign, as a difference is.
        factor: shown is so many times the value: 100 of a share in percent.
    """

    name: str
    label: str
    meaning: str
    digits: int = 3
    better: Way = "none"
    unit: str = ""
    bounds: str = ""
    needs_truth: bool = False
    main: bool = False
    median: bool = False
    signed: bool = False
    factor: float = 1.0

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
    name: str, label: str, meaning: str, better: Way = UP, truth: bool = False, main: bool = False
) -> Metric:
    return Metric(name, label, meaning, 3, better, bounds="0 to 1", needs_truth=truth, main=main)


def _error(name: str, label: str, main: bool = False) -> Metric:
    meaning = f"{label} of photos' azimuth errors"
    return Metric(name, label, meaning, 2, DOWN, "°", needs_truth=True, main=main)


def _beyond(limit: int, main: bool = False) -> Metric:
    name, label, meaning = f"beyond_{limit}", f"beyond {limit}°", f"share more than {limit}° off"
    return Metric(name, label, meaning, 2, DOWN, "%", needs_truth=True, main=main, factor=100.0)


# fmt: off
# Views: read by the bank and by a second reader, which learned from pixels.
AZIMUTH_ERROR = Metric("azimuth_error", "azimuth error",
                       "from the requested azimuth to the one read; median over views",
                       1, DOWN, "°", median=True)
WITHIN = _share("within", "within 15°", "share of views read within 15° of the requested azimuth")
ASKED = (AZIMUTH_ERROR, WITHIN)
READ = (
    Metric("second_error", "error by the second reader", "the same, by the second reader", 1, DOWN,
           "°", median=True),
    _share("second_within", "within 15° by it", "share of views that it reads within 15°"),
    _share("target_pose_accuracy", "pose accuracy", "share of views read as the requested pose",
           main=True),
    Metric("breathing", "breathing", "deviation of an object's height in its views, over its mean",
           3, DOWN, bounds="from 0"),
)
PSNR = Metric("psnr", "PSNR", "peak signal-to-noise ratio", 2, UP, "dB",
              needs_truth=True, main=True)
SSIM = Metric("ssim", "SSIM", "structural similarity", 3, UP, bounds="at most 1", needs_truth=True)
FEATURE_DISTANCE = Metric(
    "feature_distance", "feature distance",
    "mean squared difference of the backbone's unit patch features (as LPIPS, without its weights)",
    3, DOWN, bounds="0 to 4", needs_truth=True, main=True)
TRUTH = (PSNR, SSIM, FEATURE_DISTANCE)
REFERENCE = (
    Metric("to_reference", "to reference", "cosine of pooled features to the photo", 3, UP,
           bounds="-1 to 1"),
    Metric("adjacent", "adjacent", "cosine of pooled features of a view to the next", 3, UP,
           bounds="-1 to 1"),
    Metric("colour_distance", "colour distance",
           "sliced Wasserstein distance of a view's colours to the photo's", 3, DOWN,
           bounds="0 to 1", main=True),
)
FD = Metric("fd", "FD", "Fréchet distance of pooled features from held-out photos", 2, DOWN,
            bounds="from 0", main=True)
SETS = (
    FD,
    Metric("kid", "KID × 1000", "kernel distance of pooled features from held-out photos", 2, DOWN,
           bounds="from about 0", factor=1000.0),
)
COST = (
    Metric("seconds_a_view", "seconds a view", "wall time", 3, DOWN),
    Metric("forwards", "forwards an object", "passes of a picture through the network", 0, DOWN),
    Metric("peak_memory_mib", "peak MiB", "of the GPU, or of the process on a CPU", 0, DOWN),
)
TURNS = (
    Metric("step", "mean step", "root mean square difference of a view to the next", 1,
           unit="of 255"),
    Metric("largest", "largest / mean", "the largest step of a turn over the mean one", 2),
    Metric("border", "across a pose's border / within",
           "steps where the nearest pose changes over the others", 2),
)

# Poses
RING_SCORE = _share("ring_score", "ring score", "how surely the poses close a circle", main=True)
FOUND = (
    Metric("num_images", "photos", "photos that have a label", 0),
    Metric("num_poses", "poses", "poses found", 0),
    RING_SCORE,
    _share("mean_confidence", "mean confidence", "of the labels"),
    Metric("outliers", "outliers", "photos unlike the others", 0),
)
HOMOGENEITY = _share("homogeneity", "homogeneity", "how far a pose holds one bin of true azimuths",
                     truth=True, main=True)
POSES = (
    _share("mask_iou", "mask IoU", "intersection over union with the true masks", truth=True),
    HOMOGENEITY,
    _share("nmi", "NMI", "normalised mutual information of poses and true azimuths",
           truth=True, main=True),
    _share("purity", "purity", "share of photos of their pose's majority azimuth", truth=True),
    _share("left_right", "left for right", "share of photos on the wrong side", DOWN, truth=True),
    _share("front_rear", "front for rear", "share of photos on the wrong end", DOWN, truth=True),
    _share("false_outliers", "false outliers", "share of own objects flagged", DOWN, truth=True),
    _share("outliers_found", "outliers found", "share of other objects flagged", truth=True),
)
MEDIAN = _error("median_deg", "median", main=True)
BEYOND_30, BEYOND_90 = _beyond(30), _beyond(90, main=True)
AZIMUTHS = (_error("mean_deg", "mean"), MEDIAN, _error("p90_deg", "90th percentile", main=True),
            _beyond(15), BEYOND_30, BEYOND_90)
LEAD = Metric("lead_deg", "found − true", "how far found azimuths run ahead, median of a bin", 1,
              unit="°", needs_truth=True, signed=True)
RELIABILITY = (
    Metric("confidence", "confidence", "mean of a tenth of the photos, by rising confidence", 2,
           bounds="0 to 1"),
    Metric("accuracy", "accuracy (≤ 15°)", "share of them within 15° of the truth", 2, UP,
           bounds="0 to 1", needs_truth=True),
    Metric("median_error", "median error", "of their azimuths", 1, DOWN, "°", needs_truth=True),
    Metric("count", "photos", "how many they are", 0),
)

AUTOENCODER = (PSNR, SSIM, FEATURE_DISTANCE)  # of a reconstruction, whose truth is the photo
OBJECTS = (
    _share("silhouette_iou", "silhouette IoU", "silhouettes of object and views"),
    _share("colour_error", "colour error", "mean difference of colour from the views", DOWN),
)
# fmt: on

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
