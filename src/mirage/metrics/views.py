"""Figures of merit of views, as pure functions: against the true render, the photo, each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import wasserstein_distance
from torchmetrics.functional.image import (
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)

from mirage.core.contracts import ByteArray, FloatArray, check_shape
from mirage.core.errors import MirageError, require_items

SSIM_WINDOW = 11  # pixels: σ = 1.5 cut at 3.5 σ, so it fits images of 32 px
NEAR = 15.0  # degrees: a view this far from the azimuth asked for is still about there
_QUANTILES = 64  # of a picture's colours along each axis of its sketch


def psnr(view: ByteArray, truth: ByteArray) -> FloatArray:
    """Peak signal-to-noise ratio of uint8 images [..., H, W, 3], dB, [...]; ∞ where equal."""
    check_shape("view", view, truth.shape)
    view_pixels, true_pixels = (torch.from_numpy(i.astype(float)) for i in (view, truth))
    scores = peak_signal_noise_ratio(
        view_pixels, true_pixels, data_range=255.0, reduction="none", dim=(-3, -2, -1)
    )
    return np.asarray(scores.numpy())


def ssim(view: ByteArray, truth: ByteArray) -> FloatArray:
    """Structural similarity of uint8 images [..., H, W, 3], at most 1, [...].

    Wang et al. 2004: Gaussian window of σ = 1.5 (11 px), reflected at the border, mean over pixels
    and channels.

    Raises:
        MirageError: an image is smaller than the window.
    """
    check_shape("view", view, truth.shape)
    *lead, height, width, channels = view.shape
    if min(height, width) < SSIM_WINDOW:
        raise MirageError(
            f"{width} × {height} px is too small for SSIM",
            where="report.view_metrics.ssim",
            todo=f"compare images of at least {SSIM_WINDOW} px",
        )

    def to_tensor(images: ByteArray) -> torch.Tensor:
        flat = images.reshape(-1, height, width, channels)
        return torch.from_numpy(np.ascontiguousarray(flat)).permute(0, 3, 1, 2).double()

    scores = structural_similarity_index_measure(
        to_tensor(view), to_tensor(truth), sigma=1.5, data_range=255.0, reduction="none"
    )
    assert isinstance(scores, torch.Tensor)
    return np.asarray(scores.numpy().reshape(lead))


def _colour_axes() -> FloatArray:
    """[13, 3] the cube's face, edge and corner axes, each with absolute weights that sum to 1."""
    corners = np.array(list(product((-1, 0, 1), repeat=3)), dtype=float)
    # of each axis and its opposite, keep the one whose first non-zero entry is positive
    half = corners[[tuple(axis) > (0, 0, 0) for axis in corners]]
    return half / np.abs(half).sum(axis=1, keepdims=True)


COLOUR_AXES = _colour_axes()


def colour_distance(
    reference: ByteArray,
    views: ByteArray,
    reference_mask: npt.NDArray[np.bool_] | None = None,
    view_masks: npt.NDArray[np.bool_] | None = None,
) -> FloatArray:
    """How far each view's colours are from the reference's, wherever they stand: [V] in [0, 1].

    Sliced 1-Wasserstein distance between the two sets of RGB pixels, scaled to [0, 1], over 13
    fixed axes. Pixels may be shuffled at no cost, so a view earns nothing by copying the layout.

    Args:
        reference: [H, W, 3] uint8.
        views: [V, H, W, 3] uint8.
        reference_mask: [H, W], pixels that count; all by default.
        view_masks: [V, H, W], likewise.

    Raises:
        MirageError: a mask leaves no pixel.
    """
    check_shape("reference", reference, (None, None, 3))
    check_shape("views", views, (None, None, None, 3))

    def slices(image: ByteArray, mask: npt.NDArray[np.bool_] | None) -> FloatArray:
        pixels = image.reshape(-1, 3) if mask is None else image[mask.astype(bool)]
        require_items(len(pixels), "colours")
        return COLOUR_AXES @ (pixels.T / 255.0)

    wanted = slices(reference, reference_mask)
    masks = [None] * len(views) if view_masks is None else view_masks

    def distance(view: ByteArray, mask: npt.NDArray[np.bool_] | None) -> float:
        pairs = zip(wanted, slices(view, mask), strict=True)
        return float(np.mean([wasserstein_distance(a, b) for a, b in pairs]))

    return np.array([distance(*pair) for pair in zip(views, masks, strict=True)])


def colour_sketch(images: ByteArray) -> FloatArray:
    """[N, H, W, 3] uint8 → [N, 13 · 64] colours whatever their place, to compare many images by.

    The mean absolute difference of two sketches is `colour_distance` up to the rounding of
    distributions to 64 quantiles.
    """
    check_shape("images", images, (None, None, None, 3))
    pixels = images.reshape(len(images), -1, 3).astype(np.float32) / 255.0
    ranked = np.sort(pixels @ COLOUR_AXES.T.astype(np.float32), axis=1)  # [N, H·W, 13]
    middle = (np.arange(_QUANTILES) + 0.5) / _QUANTILES * ranked.shape[1]
    return ranked[:, middle.astype(int)].reshape(len(images), -1)


def feature_distance(views: torch.Tensor, truth: torch.Tensor) -> FloatArray:
    """Squared difference of patch features of unit length, mean over patches, [V] in [0, 4].

    LPIPS (Zhang et al. 2018, arXiv 1801.03924, equation 1) on one feature map of the backbone and
    without its learned weights of channels: 2 − 2 cos between patches at the same place.

    Args:
        views, truth: [V, h, w, C] patch features, each of unit length.
    """
    check_shape("views", views, tuple(truth.shape))
    return np.asarray((views - truth).square().sum(dim=-1).mean(dim=(1, 2)).cpu().numpy(), float)


def pool(features: torch.Tensor) -> FloatArray:
    """[V, h, w, C] patch features of unit length → [V, C], their means times √C.

    The factor brings the mean square over channels to at most 1: the scale of the kernel's 1.
    """
    check_shape("features", features, (None, None, None, None))
    scale = features.shape[-1] ** 0.5
    return np.asarray((features.mean(dim=(1, 2)) * scale).cpu().numpy(), float)


def similarity(a: FloatArray, b: FloatArray) -> FloatArray:
    """Cosine of pooled features [V, C] and [V, C] or [1, C], [V] in [−1, 1]."""
    lengths = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    return np.asarray((a * b).sum(axis=-1) / np.maximum(lengths, 1e-12))


def turn_steps(frames: ByteArray, closed: bool) -> FloatArray:
    """Root mean square difference of each view [V, H, W, 3] to the next, of 255.

    [V] round a whole circle, [V − 1] along an arc.
    """
    check_shape("frames", frames, (None, None, None, 3))
    following = np.roll(frames, -1, axis=0).astype(float)
    steps = np.sqrt(np.square(frames - following).mean(axis=(1, 2, 3)))
    return np.asarray(steps[: None if closed else -1])


def adjacent_similarity(pooled: FloatArray, closed: bool) -> FloatArray:
    """`similarity` of each view to the next: [V] round a whole circle, [V − 1] along an arc.

    Args:
        pooled: [V, C], in the order of their azimuths; V ≥ 2.
        closed: whether the first view follows the last.
    """
    following = np.roll(pooled, -1, axis=0)
    return similarity(pooled, following)[: None if closed else -1]


def breathing(heights: Sequence[float]) -> FloatArray:
    """[1] standard deviation over mean of an object's heights in its views.

    A turn about the vertical leaves its height alone; NaN of fewer than two.
    """
    if len(heights) < 2:
        return np.array([np.nan])
    return np.array([np.std(heights) / np.mean(heights)])


@dataclass(frozen=True)
class Pictures:
    """V pictures [V, H, W, 3] uint8, and the features of their patches [V, h, w, C]."""

    frames: ByteArray
    features: torch.Tensor

    @cached_property
    def pooled(self) -> FloatArray:
        """[V, C], as of `pool`."""
        return pool(self.features)


@dataclass(frozen=True)
class SeenViews:
    """V views of one object, and what was seen in them.

    Attributes:
        views: the pictures. photo: the one they are of. truth: the true renders, or None.
        away: [V] degrees from the azimuth asked for, as the bank reads them.
        hits: [V] whether it reads the pose asked for.
        second_away: [V] as `away`, by the second reader; None without one.
        heights: of the object, in the views where it was found.
        closed: whether the first view follows the last.
    """

    views: Pictures
    photo: Pictures
    truth: Pictures | None
    away: FloatArray
    hits: npt.NDArray[np.bool_]
    second_away: FloatArray | None
    heights: Sequence[float]
    closed: bool


def _near(away: FloatArray | None) -> FloatArray | None:
    return None if away is None else (away <= NEAR).astype(float)


def _adjacent(of: SeenViews) -> FloatArray | None:
    return adjacent_similarity(of.views.pooled, of.closed) if len(of.away) > 1 else None


# Metric of single views → its values: one a view, a step or the object; None where there is none.
_OF_VIEWS: dict[str, Callable[[SeenViews], FloatArray | None]] = {
    "azimuth_error": lambda of: of.away,
    "within": lambda of: _near(of.away),
    "target_pose_accuracy": lambda of: of.hits.astype(float),
    "to_reference": lambda of: similarity(of.views.pooled, of.photo.pooled),
    "colour_distance": lambda of: colour_distance(of.photo.frames[0], of.views.frames),
    "second_error": lambda of: of.second_away,
    "second_within": lambda of: _near(of.second_away),
    "adjacent": _adjacent,
    "breathing": lambda of: breathing(of.heights) if len(of.away) > 1 else None,
}
_AGAINST_TRUTH: dict[str, Callable[[Pictures, Pictures], FloatArray]] = {
    "psnr": lambda of, true: psnr(of.frames, true.frames),
    "ssim": lambda of, true: ssim(of.frames, true.frames),
    "feature_distance": lambda of, true: feature_distance(of.features, true.features),
}


def measure(seen: SeenViews) -> dict[str, FloatArray]:
    """Metric → its values, of every one that can be had."""
    found = {name: of(seen) for name, of in _OF_VIEWS.items()}
    if seen.truth is not None:
        found |= {name: of(seen.views, seen.truth) for name, of in _AGAINST_TRUTH.items()}
    return {name: values for name, values in found.items() if values is not None}
