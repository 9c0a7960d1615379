"""Whether light stays where it is while an object turns, as pure functions on pictures.

Light changes how bright a surface is by a factor that does not depend on its paint. So pictures are
compared by the logarithm of their brightness, in photographic stops, on the object's pixels: there
paint cancels against that of the true render, and what is left is light, and what the views have
wrong beside light.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from mirage.core.contracts import ByteArray, FloatArray, check_shape

_LUMA = np.array([0.2126, 0.7152, 0.0722])  # ITU-R BT.709
_GAMMA = 2.2  # light is about this power of a grey level
_BLUR = 1.0 / 32.0  # σ over the picture's side: a view may be a pixel off
_DARK = 8.0  # grey levels added, so that black has a logarithm


def brightness(frames: ByteArray, masks: npt.NDArray[np.bool_]) -> FloatArray:
    """How bright each place of an object is, in stops: [..., H, W], NaN outside of the masks.

    The brightness is a mean over neighbours within the mask, so no backdrop leaks in.

    Args:
        frames: [..., H, W, 3] uint8.
        masks: [..., H, W], the object's pixels.
    """
    check_shape("masks", masks, frames.shape[:-1])
    light = ((frames.astype(float) + _DARK) / (255.0 + _DARK)) ** _GAMMA @ _LUMA
    sigma = (0.0,) * (frames.ndim - 3) + (_BLUR * frames.shape[-2],) * 2
    share = gaussian_filter(masks.astype(float), sigma)
    mean = gaussian_filter(np.where(masks, light, 0.0), sigma) / np.maximum(share, 1e-6)
    return np.where(masks, np.log2(np.maximum(mean, 1e-6)), np.nan)


def shading_error(view: FloatArray, truth: FloatArray) -> FloatArray:
    """Root mean square difference of two `brightness` maps [V, H, W], stops, [V].

    A difference that is the same in all of an orbit is paint or exposure, and does not count.
    """
    off = _difference(view, truth)
    return np.sqrt(np.nanmean(np.square(off), axis=(-2, -1)))


def sun_shares(
    view: FloatArray, unlit: FloatArray, stayed: FloatArray, turned: FloatArray
) -> tuple[float, float]:
    """How much of the sun's light an orbit holds where it belongs, and where it was turned along.

    The least squares shares k and t of

        view − unlit = k · (stayed − unlit) + t · (turned − unlit) + constant

    over all pixels of all views, each a [V, H, W] `brightness`. (1, 0) is right, (0, 1) is light
    that is painted on, (0, 0) is none: what else a view has wrong moves neither, as far as it
    looks unlike both.

    Args:
        unlit: of true renders without the sun.
        stayed: of the true renders, whose sun stays where it is.
        turned: of renders whose sun was turned together with the object.
    """
    seen, stays, turns = (_difference(light, unlit) for light in (view, stayed, turned))
    inside = np.isfinite(seen)
    suns = np.stack([stays[inside], turns[inside]], axis=1)
    kept, along = np.linalg.lstsq(suns, seen[inside], rcond=None)[0]
    return float(kept), float(along)


def _difference(a: FloatArray, b: FloatArray) -> FloatArray:
    check_shape("brightness", a, b.shape)
    off = a - b
    return np.asarray(off - np.nanmean(off))
