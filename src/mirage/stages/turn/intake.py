"""How a photo gets to the model: placed as the run's own, posed, judged, in the model's size."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from mirage.config import ViewsConfig
from mirage.contracts import ByteArray, FloatArray, PosedPhoto, PoseLabels
from mirage.parts.backdrop import plain_background
from mirage.parts.silhouette import find_silhouettes
from mirage.squares import to_square
from mirage.stages.turn.place import place
from mirage.stages.turn.refuse import Judge
from mirage.stages.turn.turner import Turner
from mirage.stages.turn.usual import UsualPhotos


@dataclass(frozen=True)
class Look:
    """A photo, and what the bank makes of it.

    Attributes:
        small: [H, W, 3] uint8, at the model's resolution, its background as asked for.
        square: [S, S, 3] uint8, of the backbone's size.
        mask: [h, w] in [0, 1], how surely a patch is the object.
        labels: of this one photo.
        remark: how it was placed, in words; empty where it was left as it is.
    """

    small: ByteArray
    square: ByteArray
    mask: FloatArray
    labels: PoseLabels
    remark: str = ""

    @property
    def posed(self) -> PosedPhoto:
        pose, azimuth = int(self.labels.pose[0]), float(self.labels.azimuth[0])
        return PosedPhoto(self.small, pose, azimuth, self.mask)


@dataclass(frozen=True)
class Intake:
    """Takes in photos for a model.

    Attributes:
        fit: how photos become squares, as in `to_square`.
        usual: the run's photos, as which a photo is placed; None where they are not at hand.
        judge: refuses photos that a person gives.
    """

    turner: Turner
    fit: str
    usual: UsualPhotos | None
    judge: Judge

    def take(self, photo: Image.Image, name: str, config: ViewsConfig, insists: bool) -> Look:
        """Place, pose and judge a photo that a person gives.

        Args:
            name: what the photo is called. insists: whether it is taken, whatever it looks like.

        Raises:
            MirageError: the photo is not fit to be turned.
        """
        remark = ""
        if config.placement == "fit":
            photo, remark = self._placed(photo)
        look = self.look(photo, config, remark)
        if not insists:
            self.judge.check(name, photo.size, look.square, look.labels, look.mask)
        return look

    def look(self, photo: Image.Image, config: ViewsConfig, remark: str = "") -> Look:
        """Pose a photo as it is."""
        square = to_square(photo, self.turner.backbone.size, self.fit)
        labels, mask = self.turner.read_photo(square)
        small = to_square(photo, self.turner.denoiser.resolution, self.fit)
        if config.background == "plain":
            small = plain_background(small, find_silhouettes(mask[None], square[None])[0])
        return Look(small, square, mask, labels, remark)

    def _placed(self, photo: Image.Image) -> tuple[Image.Image, str]:
        """The photo with its object where the run's photos have theirs, and what was done."""
        if self.usual is None or self.usual.frame is None:
            return photo, ""

        def find_mask(shown: Image.Image) -> FloatArray:
            return self.turner.read_photo(to_square(shown, self.turner.backbone.size, "pad"))[1]

        placed, taken = place(photo, self.usual.frame, find_mask)
        if taken is None:
            return placed, ""
        how = "cut to" if taken[2] < 1.0 else "set into a square of"
        return placed, (
            f"{how} {taken[2]:.2f} of its side, to have its object where training photos have "
            "theirs (views.placement=keep leaves it)"
        )
