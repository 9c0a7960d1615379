"""Which way an object faces, where its silhouette leaves that open.

On a folded circle ψ = 2θ the photos at ψ face either way: θ is ψ/2 or ψ/2 + 180°. The odd part of a
descriptor (half of photo minus mirror image) tells, and tells it best where the object is seen
from the side, since there the mirror image is the other side. Towards front and rear the cue fades
and other parts carry it; but little changes between neighbouring views, so the sign is handed on
from the sides, band by band, each band read by a regression on those next to it.
"""

from __future__ import annotations

import numpy as np

from mirage.core.angles import circular_difference, circular_distance
from mirage.core.contracts import FloatArray

_HARMONICS = 6  # of ψ that are taken out of the odd part
_SIDE = 25.0  # degrees of ψ about the side view within which the sign is a principal component
_BAND = 6.0  # degrees of ψ that the sign is handed on by
_MEMORY = 35.0  # degrees of ψ that a band is read from
_RIDGE = 1e-2  # of the mean energy of a coordinate


def stillest_at_zero(angle: FloatArray, odd: FloatArray) -> FloatArray:
    """Of the two angles that mirroring leaves alone, put at 0 the one whose photos it changes less.

    Those are views that are their own mirror images (front and rear of a car). At 180° mirroring
    swaps the two sides, if the circle is folded, and changes photos more.

    Args:
        angle: [n] degrees. odd: [n, D].
    """
    change = (odd**2).sum(axis=1)
    near = [change[circular_distance(angle, at) < _SIDE] for at in (0.0, 180.0)]
    zero, half = (float(energy.mean()) if energy.size else 0.0 for energy in near)
    return angle if zero <= half else (angle + 180.0) % 360.0


def facing_side(angle: FloatArray, odd: FloatArray) -> FloatArray:
    """[n] +1 or −1, the way the object faces; which of the two is +1 is free.

    Args:
        angle: [n] degrees of ψ, 0 at front and rear, 180 at the sides. odd: [n, D].
    """
    multiples = np.deg2rad(angle)[:, None] * np.arange(1, _HARMONICS + 1)
    explained = np.sin(multiples)
    rest = odd - explained @ np.linalg.lstsq(explained, odd, rcond=None)[0]
    offset = circular_difference(angle, 180.0)
    # A photo at −offset is the mirror image of one at +offset that faces the other way.
    side = np.where(offset < 0, -1.0, 1.0)
    rest, distance = rest * side[:, None], np.abs(offset)

    near = distance < _SIDE
    _, vectors = np.linalg.eigh(rest[near].T @ rest[near])
    facing = _sign(rest @ vectors[:, -1])
    for edge in np.arange(_SIDE, 180.0, _BAND):
        fresh = distance >= edge
        told = (distance < edge) & (distance >= edge - _MEMORY)
        facing[fresh] = _sign(rest[fresh] @ _regress(rest[told], facing[told]))
    return facing * side


def _regress(points: FloatArray, target: FloatArray) -> FloatArray:
    """[D] ridge weights from points [m, D] to target [m]."""
    gram = points.T @ points
    penalty = _RIDGE * np.trace(gram) / len(gram) + 1e-12
    return np.linalg.solve(gram + penalty * np.eye(len(gram)), points.T @ target)


def _sign(values: FloatArray) -> FloatArray:
    return np.where(values < 0, -1.0, 1.0)
