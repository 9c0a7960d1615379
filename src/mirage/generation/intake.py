"""How a photo gets to the model: placed as the run's own, posed, judged, framed, in its size."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from mirage.config import ViewsConfig
from mirage.core.contracts import ByteArray, FloatArray, PosedPhoto, PoseLabels, Window
from mirage.generation.checks import Judge
from mirage.generation.place import place
from mirage.generation.view_generator import ViewGenerator
from mirage.images.decoding.squares import to_frame, to_square
from mirage.parts.backdrop import plain_background
from mirage.parts.framing import WHOLE, find_frames, within
from mirage.parts.silhouette import find_silhouettes


@dataclass(frozen=True)
class Look:
    """A photo, and what the bank makes of it.

    Attributes:
        small: [H, W, 3] uint8, framed for the model, its background as asked for.
        square: [S, S, 3] uint8, of the backbone's size.
        mask: [h, w] in [0, 1], how surely a patch of `square` is the object.
        labels: of this one photo.
        window: what `small` shows of the photo; None: all of it.
        remark: how it was placed, in words; empty where it was left as it is.
    """

    small: ByteArray
    square: ByteArray
    mask: FloatArray
    labels: PoseLabels
    window: Window | None = None
    remark: str = ""

    @property
    def posed(self) -> PosedPhoto:
        pose, azimuth = int(self.labels.pose[0]), float(self.labels.azimuth[0])
        return PosedPhoto(self.small, pose, azimuth)


@dataclass(frozen=True)
class Intake:
    """Takes in photos for a model; `judge` refuses photos that a person gives."""

    generator: ViewGenerator
    judge: Judge

    def take(self, photo: Image.Image, name: str, config: ViewsConfig, insists: bool) -> Look:
        """Place, pose and judge a photo that a person gives.

        Args:
            name: what the photo is called. insists: whether it is taken, whatever it looks like.

        Raises:
            MirageError: the photo is not fit to be turned.
        """
        window = self._place(photo) if config.placement == "fit" else None
        look = self.look(photo, config, window)
        if not insists:
            size = photo.size if window is None else (1, 1)  # nothing is put round a square
            self.judge.check(name, size, look.square, look.labels, look.mask)
        return look

    def look(self, photo: Image.Image, config: ViewsConfig, window: Window | None = None) -> Look:
        """Pose a photo by what is seen through a window, and frame its object."""
        generator, remark = self.generator, _remark(window)
        square = self._square(photo, window)
        labels, mask = generator.read_photo(square)
        small = to_square(photo, generator.denoiser.resolution, generator.fit, window)
        (frame,) = find_frames(mask[None], square[None])
        framed = generator.framing.window(frame)
        if framed is not None:
            window = framed if window is None else within(framed, window)
            small = to_frame(photo, generator.denoiser.resolution, window)
        if config.background == "plain":
            shown, seen = square, mask
            if framed is not None and window is not None:
                shown = to_frame(photo, generator.backbone.size, window)
                seen = generator.read_photo(shown)[1]
            small = plain_background(small, find_silhouettes(seen[None], shown[None])[0])
        return Look(small, square, mask, labels, window, remark)

    def _square(self, photo: Image.Image, window: Window | None) -> ByteArray:
        return to_square(photo, self.generator.backbone.size, self.generator.fit, window)

    def _place(self, photo: Image.Image) -> Window | None:
        """The square of it that has its object where the run's photos have theirs."""
        usual = self.generator.framing.usual
        if usual is None:
            return None

        def find_mask(window: Window | None) -> FloatArray:
            # Padded, however the run's photos became squares.
            return self.generator.read_photo(self._square(photo, window or WHOLE))[1]

        return place(max(photo.size), usual, find_mask)


def _remark(window: Window | None) -> str:
    if window is None:
        return ""
    how = "cut to" if window[2] < 1.0 else "set into a square of"
    return (
        f"{how} {window[2]:.2f} of its side, to have its object where training photos have "
        "theirs (views.placement=keep leaves it)"
    )
