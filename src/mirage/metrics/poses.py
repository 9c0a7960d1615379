"""Figures of merit of poses: clusters and azimuths against the truth, as pure functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import entropy

from mirage.core.angles import RingAlignment
from mirage.core.contracts import FloatArray, check_shape
from mirage.core.errors import require_items


def _contingency(found: npt.ArrayLike, true: npt.ArrayLike) -> FloatArray:
    """[K, C] counts of items in found cluster k and true class c."""
    found, true = np.asarray(found), np.asarray(true)
    check_shape("found", found, (None,))
    check_shape("true", true, (len(found),))
    require_items(len(found), "clusters")
    found_values, found_id = np.unique(found, return_inverse=True)
    true_values, true_id = np.unique(true, return_inverse=True)
    counts = np.zeros((len(found_values), len(true_values)))
    np.add.at(counts, (found_id, true_id), 1.0)
    return counts


def _information(counts: FloatArray) -> tuple[float, float, float]:
    """Mutual information of a contingency table and the entropies of rows and columns, nats."""
    of_rows = float(entropy(counts.sum(axis=1)))
    of_columns = float(entropy(counts.sum(axis=0)))
    mutual = of_rows + of_columns - float(entropy(counts.ravel()))
    return max(mutual, 0.0), of_rows, of_columns


# torchmetrics has these two, but in float32, and its NMI of two single clusters is 0; the counts
# are needed for the purity anyway. Tests hold these functions against it.
def nmi(found: npt.ArrayLike, true: npt.ArrayLike) -> float:
    """Normalised mutual information of two labellings [N], in [0, 1].

    The normaliser is the arithmetic mean of the entropies (Strehl & Ghosh 2002; Vinh et al. 2010).
    Two labellings of one cluster each agree: 1.
    """
    mutual, of_found, of_true = _information(_contingency(found, true))
    mean = (of_found + of_true) / 2
    return min(mutual / mean, 1.0) if mean > 0 else 1.0


def homogeneity(found: npt.ArrayLike, true: npt.ArrayLike) -> float:
    """1 − H(true | found) / H(true), in [0, 1]: 1 when every cluster holds one class.

    Rosenberg & Hirschberg 2007. Unlike NMI it does not blame poses finer than the classes.
    """
    mutual, _, of_true = _information(_contingency(found, true))
    return min(mutual / of_true, 1.0) if of_true > 0 else 1.0


def purity(found: npt.ArrayLike, true: npt.ArrayLike) -> float:
    """Share of items that are of their cluster's majority class, in (0, 1]."""
    counts = _contingency(found, true)
    return float(counts.max(axis=1).sum() / counts.sum())


def azimuth_figures(
    found_deg: npt.ArrayLike, true_deg: npt.ArrayLike, alignment: RingAlignment
) -> dict[str, float]:
    """Median and 90th percentile of the error, degrees, and the share of errors beyond 90°.

    Keys: median_deg, p90_deg, beyond_90. The last counts front taken for rear: guesses score 0.5.
    """
    require_items(np.size(found_deg), "azimuths")
    error = alignment.error(found_deg, true_deg)
    return {
        "median_deg": float(np.median(error)),
        "p90_deg": float(np.percentile(error, 90)),
        "beyond_90": float((error > 90.0).mean()),
    }


def wrong_half(found_deg: npt.ArrayLike, true_deg: npt.ArrayLike, axis: float) -> float:
    """Share of photos taken for the other side of the object: rear for front with axis 0.

    Photos within 15° of the border between the two halves are not counted: there a small error
    crosses it.

    Args:
        found_deg, true_deg: [N] degrees, aligned; 0 is the front.
        axis: degrees of the middle of one half: 0 tells front from rear, 90 left from right.
    """
    found, true = (np.cos(np.deg2rad(np.subtract(a, axis))) for a in (found_deg, true_deg))
    require_items(len(true), "halves")
    told = np.abs(true) > np.sin(np.deg2rad(15.0))
    return float(((found * true < 0) & told).sum() / max(told.sum(), 1))


def reliability(
    confidence: npt.ArrayLike, error_deg: npt.ArrayLike, close: float, num_bins: int = 10
) -> list[dict[str, float]]:
    """Bins of equal counts by rising confidence [N]: how often an error [N] is below `close`.

    Keys of a bin: confidence (mean), accuracy, median_error, count.
    """
    confidence, error = np.asarray(confidence, float), np.asarray(error_deg, float)
    require_items(len(error), "reliability")
    order = np.argsort(confidence, kind="stable")
    return [
        {
            "confidence": float(confidence[rows].mean()),
            "accuracy": float((error[rows] < close).mean()),
            "median_error": float(np.median(error[rows])),
            "count": len(rows),
        }
        for rows in np.array_split(order, min(num_bins, len(order)))
    ]


def mask_iou(found: npt.ArrayLike, true: npt.ArrayLike) -> FloatArray:
    """Intersection over union of found and true masks.

    Args:
        found, true: [B, H, W] bool, or numbers of which those above 0.5 are the object.

    Returns:
        [B] in [0, 1]; 1 where both masks are empty.
    """
    found_mask, true_mask = np.asarray(found) > 0.5, np.asarray(true) > 0.5
    check_shape("true", true_mask, found_mask.shape)
    check_shape("found", found_mask, (None, None, None))
    both = (found_mask & true_mask).sum(axis=(1, 2))
    either = (found_mask | true_mask).sum(axis=(1, 2))
    return np.where(either == 0, 1.0, both / np.maximum(either, 1))


def viewpoint_figures(pose: npt.ArrayLike, viewpoint: npt.ArrayLike) -> dict[str, Any]:
    """How well poses [N] (ints) tell named viewpoints [N] (strings; empty where unknown) apart.

    Photos of unknown viewpoint are left out of everything. Keys: photos, the number used;
    viewpoints, how many there are of each; purity, homogeneity and nmi, as the functions here; and,
    if any name begins with front or rear, ends, the number of such photos, and front_rear, the
    share of them whose pose has a majority viewpoint of the opposite end. A pose that is mostly
    side views takes no end for the other; of equal majorities the first in the alphabet counts.

    Raises:
        MirageError: no viewpoint is known.
    """
    found, seen = np.asarray(pose), np.asarray(viewpoint, dtype=str)
    check_shape("pose", found, (None,))
    check_shape("viewpoint", seen, (len(found),))
    found, seen = found[seen != ""], seen[seen != ""]
    counts = _contingency(found, seen)  # columns in the order of names
    names, number = np.unique(seen, return_counts=True)
    figures: dict[str, Any] = {
        "photos": len(found),
        "viewpoints": dict(zip(names.tolist(), number.tolist(), strict=True)),
        "purity": purity(found, seen),
        "homogeneity": homogeneity(found, seen),
        "nmi": nmi(found, seen),
    }
    end = np.array([{"front": 1, "rear": -1}.get(name.split("-")[0], 0) for name in names])
    opposite = end[counts.argmax(axis=1)][:, None] * end == -1  # [K, C]
    if ends := int(number[end != 0].sum()):
        figures |= {"ends": ends, "front_rear": float(counts[opposite].sum() / ends)}
    return figures
