"""Which square of a photo has its object where the run's photos have theirs."""

from __future__ import annotations

from collections.abc import Callable

from mirage.core.contracts import FloatArray, Frame, Window
from mirage.parts.framing import WHOLE, differ, object_frame, within

_ROUNDS = 3  # a small object is only coarsely seen before the photo is cut
_LEAST_PIXELS = 32  # a side of what is cut out; below it there is too little to see


def place(
    longest: int, usual: Frame, find_mask: Callable[[Window | None], FloatArray]
) -> Window | None:
    """The square to cut out of a photo, or to set it into; None where it may be left as it is.

    Args:
        longest: the longer side of the photo, pixels.
        usual: where its object should be.
        find_mask: the mask [h, w] of what is seen through a window; of the whole photo without one.
    """
    taken: Window | None = None
    for _ in range(_ROUNDS):
        frame = object_frame(find_mask(taken))
        if frame is None or not differ(frame, usual):
            break
        closer = within(frame.window(usual), WHOLE if taken is None else taken)
        if closer[2] * longest < _LEAST_PIXELS:
            break
        taken = closer
    return taken
