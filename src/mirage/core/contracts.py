"""What passes between stages: frozen dataclasses whose shapes are checked when they are made.

Axis names used everywhere: N images, B batch, V views, C channels, H W pixels, h w patches,
P parts, K poses, T candidates kept of a soft label. Azimuths are degrees in [0, 360).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:  # torch takes seconds, and most that is passed on is no tensor
    from torch import Tensor

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]
ByteArray = npt.NDArray[np.uint8]
KeptArray = npt.NDArray[Any]  # pictures as a codec keeps them: uint8 pixels, or float16 latents

# Left, top and side of a square of a photo, in units of the square that the photo is padded to.
Window = tuple[float, float, float]

TRAIN, HELDOUT = "train", "heldout"


def check_shape(name: str, array: Any, shape: tuple[int | None, ...]) -> None:
    """Raise ValueError unless `array` has `shape`; None stands for any length."""
    actual = tuple(array.shape)
    if len(actual) != len(shape) or any(
        want is not None and got != want for got, want in zip(actual, shape, strict=True)
    ):
        raise ValueError(f"{name} has shape {actual}, expected {shape}")


@dataclass(frozen=True)
class PoseLabels:
    """What pose discovery says of N images.

    Attributes:
        pose: [N] int, the most likely pose, in [0, K).
        confidence: [N] float in [0, 1].
        azimuth: [N] float, degrees in [0, 360), up to the ring's free offset and direction.
        topk: [N, T] int, the T most likely poses, best first.
        topk_weight: [N, T] float, their weights; every row sums to 1.
        outlier: [N] bool, whether the photo is unlike those that the poses were found in.
        azimuth_error: [N] float, degrees that the azimuth is expected to be within, of two photos
            in three; None where nothing told how fast the azimuth runs round the circle.
    """

    pose: IntArray
    confidence: FloatArray
    azimuth: FloatArray
    topk: IntArray
    topk_weight: FloatArray
    outlier: npt.NDArray[np.bool_]
    azimuth_error: FloatArray | None = None

    def __post_init__(self) -> None:
        n, t = len(self.pose), self.topk.shape[1]
        check_shape("pose", self.pose, (n,))
        check_shape("confidence", self.confidence, (n,))
        check_shape("azimuth", self.azimuth, (n,))
        check_shape("topk", self.topk, (n, t))
        check_shape("topk_weight", self.topk_weight, (n, t))
        check_shape("outlier", self.outlier, (n,))
        if self.azimuth_error is not None:
            check_shape("azimuth_error", self.azimuth_error, (n,))

    def __len__(self) -> int:
        return len(self.pose)

    @classmethod
    def join(cls, parts: Sequence[PoseLabels]) -> PoseLabels:
        """The labels of several batches as one."""
        columns = zip(*(part._columns() for part in parts), strict=True)
        joined: list[Any] = [None if of[0] is None else np.concatenate(of) for of in columns]
        return cls(*joined)

    def take(self, rows: IntArray) -> PoseLabels:
        """The labels of the images `rows`, in that order."""
        taken: list[Any] = [None if of is None else of[rows] for of in self._columns()]
        return PoseLabels(*taken)

    def with_rows(self, rows: IntArray, others: PoseLabels) -> PoseLabels:
        """The labels of all images, with those of `others` in place of those of `rows`."""
        columns: list[Any] = []
        for mine, theirs in zip(self._columns(), others._columns(), strict=True):
            known = mine is not None and theirs is not None
            columns.append(mine.copy() if known else None)
            if known:
                columns[-1][rows] = theirs
        return PoseLabels(*columns)

    def _columns(self) -> list[Any]:  # in the order of the fields
        return [getattr(self, item.name) for item in fields(self)]


@dataclass(frozen=True)
class PoseRing:
    """The poses in order round the circle.

    Attributes:
        azimuth: [K] float, degrees in [0, 360), up to one free offset and direction.
        score: in [0, 1]; near 1 when the poses close a full circle, low when no ring fits.
        span: degrees (low, high) that the photos cover; (0, 360) unless they cover only an arc.
    """

    azimuth: FloatArray
    score: float
    span: tuple[float, float] = (0.0, 360.0)

    def __post_init__(self) -> None:
        check_shape("azimuth", self.azimuth, (None,))
        if not 0.0 <= self.score <= 1.0:
            raise ValueError(f"ring score {self.score} is outside [0, 1]")

    @property
    def num_poses(self) -> int:
        return len(self.azimuth)

    @property
    def closed(self) -> bool:
        """Whether the ring goes all the way round."""
        return self.span[1] - self.span[0] >= 360.0


@dataclass(frozen=True)
class PoseCondition:
    """What the diffusion model is told of B views.

    Attributes:
        pose: [B] int64 tensor, the pose; -1 is the null pose of classifier-free guidance.
        azimuth: [B] float tensor, degrees; ignored where the pose is null.
        other, share: [B] a second pose and how much of it is meant, in [0, 1], of views between two
            poses; None where each view is in one.
    """

    pose: Tensor
    azimuth: Tensor
    other: Tensor | None = None
    share: Tensor | None = None

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if value is not None:
                check_shape(item.name, value, tuple(self.pose.shape))

    def null(self) -> PoseCondition:
        """The same views with nothing said about their pose."""
        return PoseCondition(self.pose.new_full(self.pose.shape, -1), self.azimuth)

    def map(self, change: Callable[[Tensor], Tensor]) -> PoseCondition:
        """The condition with each of its tensors changed: some rows of it, or on another device."""
        other, share = (None if x is None else change(x) for x in (self.other, self.share))
        return PoseCondition(change(self.pose), change(self.azimuth), other, share)

    def __len__(self) -> int:
        return len(self.pose)


@dataclass(frozen=True)
class PosedPhoto:
    """A photo of an object to turn, and its pose.

    Attributes:
        pixels: [H, W, 3] uint8, at the model's resolution.
        pose: in [0, K). azimuth: degrees on the ring.
    """

    pixels: ByteArray
    pose: int
    azimuth: float

    def __post_init__(self) -> None:
        check_shape("pixels", self.pixels, (None, None, 3))


@dataclass(frozen=True)
class Orbit:
    """V views generated from one object's reference photos.

    Attributes:
        reference: [H, W, 3] uint8, the (first) photo at the model's resolution.
        frames: [V, H, W, 3] uint8.
        azimuth: [V] degrees asked for, on the ring.
        pose: [V] pose asked for.
        reference_pose: the pose the reference was taken to have.
        num_forwards: image forwards that it took; 0 where it was read from a folder.
    """

    reference: ByteArray
    frames: ByteArray
    azimuth: FloatArray
    pose: IntArray
    reference_pose: int
    num_forwards: int = 0

    def __post_init__(self) -> None:
        v, h, w, _ = self.frames.shape
        check_shape("frames", self.frames, (v, h, w, 3))
        check_shape("reference", self.reference, (h, w, 3))
        check_shape("azimuth", self.azimuth, (v,))
        check_shape("pose", self.pose, (v,))


@dataclass(frozen=True)
class Frame:
    """Where an object is in a square photo, whose side is 1.

    Attributes:
        x, y: the middle of the box round it, from the upper left corner.
        width, height: of that box.
    """

    x: float
    y: float
    width: float
    height: float

    @property
    def side(self) -> float:
        """The longer side of the box."""
        return max(self.width, self.height)

    def window(self, into: Frame) -> Window:
        """The square of the photo in which the object fills `into`, one way at least."""
        side = max(self.width / into.width, self.height / into.height)
        return self.x - into.x * side, self.y - into.y * side, side


@dataclass(frozen=True)
class Framing:
    """How photos show their object, and where a model wants it.

    Attributes:
        usual: where photos have it, a square; None where that is not known.
        border_share: of a photo's border, what the object covers at most but for a few photos,
            [0, 1].
        target: what the object is fitted into for the model; None: photos are left as they are.
    """

    usual: Frame | None = None
    border_share: float = 1.0
    target: Frame | None = None

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> Framing:
        """What `dataclasses.asdict` made of one."""
        frames = {
            name: None if facts.get(name) is None else Frame(**facts[name])
            for name in ("usual", "target")
        }
        return cls(border_share=facts.get("border_share", 1.0), **frames)

    def window(self, frame: Frame | None) -> Window | None:
        """What the model sees of a photo with its object there; None: all of it."""
        return None if frame is None or self.target is None else frame.window(self.target)
