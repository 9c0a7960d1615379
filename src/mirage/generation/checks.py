"""Whether a photo is fit to be turned; if not, what was found, in words and as a picture."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from mirage.core.angles import in_degrees
from mirage.core.contracts import ByteArray, FloatArray, Framing, PoseLabels
from mirage.core.errors import MirageError
from mirage.diagnostics.explain import Explainer, picture_name
from mirage.features.backbone import Backbone
from mirage.images.image_set import ImageSet
from mirage.parts.framing import border_share
from mirage.poses.bank import PoseBank
from mirage.runs.folder import RunFolder

SURE_ENOUGH = 0.05  # below this confidence no pose is sure
CUT_OFF = 0.25  # share of the border; above it, and above what the run's photos have, is cut off


class Judge:
    """Refuses photos that would be turned wrongly, by the run that the bank is from.

    Args:
        fit: how photos become squares, as in `to_square`. framing: how the run's show their object.
        pictures: draws what is refused; None draws nothing.
    """

    def __init__(
        self, bank: PoseBank, fit: str, framing: Framing, pictures: RefusedPictures | None = None
    ) -> None:
        self._bank, self._fit, self._framing, self._pictures = bank, fit, framing, pictures

    def check(
        self,
        path: str,
        size: tuple[int, int],
        square: ByteArray,
        labels: PoseLabels,
        mask: FloatArray,
    ) -> None:
        """Let a photo pass, or refuse it, drawn beside its nearest poses.

        Args:
            path: what the photo is called.
            size: width and height of the photo, pixels.
            square: [S, S, 3] uint8, of the backbone's size.
            labels: of this one photo.
            mask: [h, w] in [0, 1], how surely a patch is the object.

        Raises:
            MirageError: it is an outlier, cut off, or of no sure pose; says which, and names the
                nearest poses and the picture.
        """
        faults = self._faults(labels, size, mask)
        if not faults:
            return
        where, look = path, ""
        if self._pictures is not None:
            where, look = str(self._pictures.draw(path, square, labels)), "look at that picture, "
        nearest = ", ".join(
            f"{k} ({in_degrees(self._bank.ring.azimuth[k])})" for k in labels.topk[0]
        )
        raise MirageError(
            f"{path} is not turned: {'; '.join(faults)}; nearest poses: {nearest}",
            where=where,
            todo=f"{look}{'then ' if look else ''}insist, as in "
            f"reference_pose={labels.topk[0, 0]}, or give another photo",
        )

    def _faults(self, labels: PoseLabels, size: tuple[int, int], mask: FloatArray) -> list[str]:
        faults = []
        if labels.outlier[0]:
            faults.append("it is unlike the photos that the poses were found in (another object?)")
        share, most = border_share(mask, size, self._fit), max(CUT_OFF, self._framing.border_share)
        if share > most:
            faults.append(
                f"its object covers {share:.0%} of the border (cut off?), where at most {most:.0%} "
                "is taken"
            )
        confidence = float(labels.confidence[0])
        if confidence < SURE_ENOUGH:
            faults.append(
                f"no pose is sure (confidence {confidence:.2f}, at least {SURE_ENOUGH} is needed)"
            )
        return faults


class RefusedPictures:
    """Pictures of the photos that a run refused, each above examples of its nearest poses."""

    def __init__(
        self, folder: RunFolder, images: ImageSet, backbone: Backbone, bank: PoseBank
    ) -> None:
        self._target = folder["views"]
        self._run = folder, images, backbone, bank

    def draw(self, path: str, square: ByteArray, labels: PoseLabels) -> Path:
        """Draw a photo [S, S, 3] uint8, of the backbone's size; returns where the picture is."""
        where = self._where(path)
        return self._explainer.compare(where, Path(path).name, square, labels)

    def clear(self, path: str) -> None:
        """Take away the picture of an earlier refusal."""
        self._where(path).unlink(missing_ok=True)

    def _where(self, path: str) -> Path:
        return self._target / f"refused-{picture_name(Path(path))}"

    @cached_property
    def _explainer(self) -> Explainer:
        return Explainer(*self._run)
