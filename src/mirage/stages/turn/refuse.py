"""Whether a photo is fit to be turned; if not, what was found, in words and as a picture."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from mirage.contracts import ByteArray, FloatArray, PoseLabels
from mirage.errors import MirageError
from mirage.features.backbone import Backbone
from mirage.images.manifest import ImageSet
from mirage.parts.framing import border_share
from mirage.poses.bank import PoseBank
from mirage.stages.folder import RunFolder
from mirage.stages.show.explain import Explainer, picture_name
from mirage.stages.turn.usual import UsualPhotos

SURE_ENOUGH = 0.05  # below this confidence no pose is sure
CUT_OFF = 0.25  # share of the border; above it, and above what the run's photos have, is cut off


class Judge:
    """Refuses photos that would be turned wrongly, by the run that the bank is from."""

    def __init__(
        self,
        folder: RunFolder,
        images: ImageSet,
        backbone: Backbone,
        bank: PoseBank,
        usual: UsualPhotos,
    ) -> None:
        self._folder, self._images, self._backbone, self._bank = folder, images, backbone, bank
        self._usual = usual

    def check(
        self,
        path: Path,
        size: tuple[int, int],
        square: ByteArray,
        labels: PoseLabels,
        mask: FloatArray,
    ) -> None:
        """Let a photo pass, or draw it beside its nearest poses and refuse it.

        Args:
            size: width and height of the photo, pixels.
            square: [S, S, 3] uint8, of the backbone's size.
            labels: of this one photo.
            mask: [h, w] in [0, 1], how surely a patch is the object.

        Raises:
            MirageError: it is an outlier, cut off, or of no sure pose; says which, and names the
                nearest poses and the picture.
        """
        faults = self._faults(labels, border_share(mask, size, self._images.fit))
        if not faults:
            return
        where = self._explainer.compare(self._picture(path), path.name, square, labels)
        nearest = ", ".join(f"{k} ({self._bank.ring.azimuth[k]:.0f}°)" for k in labels.topk[0])
        raise MirageError(
            f"{path} is not turned: {'; '.join(faults)}; nearest poses: {nearest}",
            where=str(where),
            todo=f"look at that picture, then insist, as in reference_pose={labels.topk[0, 0]}, "
            "or give another photo",
        )

    def clear(self, path: Path) -> None:
        """Take away the picture of an earlier refusal."""
        self._picture(path).unlink(missing_ok=True)

    def _picture(self, path: Path) -> Path:
        return self._folder["views"] / f"refused-{picture_name(path)}"

    def _faults(self, labels: PoseLabels, share: float) -> list[str]:
        faults = []
        if labels.outlier[0]:
            faults.append("it is unlike the photos that the poses were found in (another object?)")
        if share > CUT_OFF and share > self._usual.border_share:
            faults.append(
                f"its object covers {share:.0%} of the border (cut off?), where at most "
                f"{max(CUT_OFF, self._usual.border_share):.0%} is taken"
            )
        confidence = float(labels.confidence[0])
        if confidence < SURE_ENOUGH:
            faults.append(
                f"no pose is sure (confidence {confidence:.2f}, at least {SURE_ENOUGH} is needed)"
            )
        return faults

    @cached_property
    def _explainer(self) -> Explainer:
        return Explainer(self._folder, self._images, self._backbone, self._bank)
