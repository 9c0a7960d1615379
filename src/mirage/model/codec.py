"""What the network sees of pictures: their pixels, or the latents of an autoencoder.

A picture has three forms: as it is shown ([B, H, W, 3] uint8), as it is kept in the cache
(channels last, small), and as the network sees it ([B, C, h, w] float of standard deviation about
σ_data). Latent diffusion is Rombach et al. 2022 (arXiv 2112.10752); the autoencoder is any of
diffusers', one that `mirage autoencoder` trained (mirage.model.autoencoder) among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from diffusers import AutoModel
from torch import Tensor, nn

import mirage.pretrained
from mirage.core.errors import MirageError
from mirage.core.hub import hub_answers
from mirage.images.decoding.squares import extrapolate
from mirage.model.inference import channels_last, in_precision, ready

_AROUND = 2  # rows of latents above and below those that are decoded
_AT_ONCE = 16  # pictures decoded together, which bounds memory


class Codec(Protocol):
    """The way from one form to the next, and back."""

    @property
    def channels(self) -> int:
        """C, as the network sees pictures."""

    @property
    def factor(self) -> int:
        """Pixels of a shown side to one of the network's."""

    @property
    def dtype(self) -> str:
        """NumPy's name of the kept form's type."""

    def grid(self, resolution: int) -> tuple[int, int]:
        """(h, w) of what the network sees of a picture of that side, pixels."""

    def keep(self, images: Tensor) -> Tensor:
        """[B, H, W, 3] uint8 → [B, h, w, C], as it is kept."""

    def load(self, kept: Tensor) -> Tensor:
        """[B, h, w, C] kept → [B, C, h, w] seen by the network."""

    def show(self, x: Tensor) -> Tensor:
        """[B, C, h, w] seen by the network → [B, H, W, 3] uint8, rounded and clipped."""


class Pixels:
    """The network sees pixels in [-1, 1]; pictures are kept as they are shown."""

    channels, factor, dtype = 3, 1, "uint8"

    def grid(self, resolution: int) -> tuple[int, int]:
        return resolution, resolution

    def keep(self, images: Tensor) -> Tensor:
        return images

    def load(self, kept: Tensor) -> Tensor:
        return kept.permute(0, 3, 1, 2).float().div(127.5).sub(1)

    def show(self, x: Tensor) -> Tensor:
        return ((x.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1)


PIXELS = Pixels()


@dataclass(frozen=True)
class Latents:
    """The network sees an autoencoder's latents, each channel brought to mean 0 and σ_data.

    Attributes:
        autoencoder: a diffusers model with `encode` and `decode`, in evaluation mode.
        factor: pixels to a latent, a side.
        mean, std: [C] of the latents of training photos.
        sigma_data: the standard deviation that the network is to see.
    """

    autoencoder: Any
    factor: int
    mean: Sequence[float]
    std: Sequence[float]
    sigma_data: float
    dtype: str = "float16"
    _scales: dict[torch.device, tuple[Tensor, Tensor]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def channels(self) -> int:
        return len(self.mean)

    def grid(self, resolution: int) -> tuple[int, int]:
        return (resolution // self.factor,) * 2

    def keep(self, images: Tensor) -> Tensor:
        latents = encode(self._autoencoder(images.device), PIXELS.load(images))
        return latents.permute(0, 2, 3, 1).half()

    def load(self, kept: Tensor) -> Tensor:
        mean, std = self._scale(kept.device)
        return ((kept.float() - mean) * (self.sigma_data / std)).permute(0, 3, 1, 2)

    def show(self, x: Tensor) -> Tensor:
        mean, std = self._scale(x.device)
        latents = x.permute(0, 2, 3, 1) * (std / self.sigma_data) + mean  # channels last already
        autoencoder = self._autoencoder(x.device)
        channels_first = latents.permute(0, 3, 1, 2).to(autoencoder.dtype)
        with torch.no_grad(), in_precision("auto", x.device):
            decoded = [autoencoder.decode(part).sample for part in channels_first.split(_AT_ONCE)]
        return PIXELS.show(torch.cat(decoded).float())

    def _autoencoder(self, device: torch.device) -> Any:
        return ready(self.autoencoder, device)

    def _scale(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Mean and deviation [C], brought to each device once, and not at every step."""
        if device not in self._scales:
            with torch.inference_mode(False):  # training takes them too
                scale = (
                    torch.tensor(self.mean, device=device),
                    torch.tensor(self.std, device=device),
                )
            self._scales[device] = scale
        return self._scales[device]

    def __deepcopy__(self, memo: dict[int, Any]) -> Latents:
        return self  # nothing in it is ever changed, and autoencoders are large


@dataclass(frozen=True)
class Patches:
    """The network sees what another codec gives in patches, and only the rows that are worth it.

    Neighbours become channels of one, which makes a network so many times faster at the same width
    (pixel unshuffle; Shi et al. 2016, arXiv 1609.05158). Where all objects are as high, and lower
    than the picture, nothing is lost above and below them: pictures go on there as photos do
    beyond their border.

    Attributes:
        inner: what is cut into patches.
        size: of a patch, a side.
        rows: the first and the last but one of the network's rows; None: all.
    """

    inner: Codec
    size: int = 1
    rows: tuple[int, int] | None = None

    @property
    def channels(self) -> int:
        return self.inner.channels * self.size**2

    @property
    def factor(self) -> int:
        return self.inner.factor * self.size

    @property
    def dtype(self) -> str:
        return self.inner.dtype

    def grid(self, resolution: int) -> tuple[int, int]:
        side = resolution // self.factor
        return (side if self.rows is None else self.rows[1] - self.rows[0]), side

    def keep(self, images: Tensor) -> Tensor:
        return self.inner.keep(images)

    def load(self, kept: Tensor) -> Tensor:
        if self.rows is not None:
            kept = kept[:, self.rows[0] * self.size : self.rows[1] * self.size]
        return F.pixel_unshuffle(self.inner.load(kept), self.size)

    def show(self, x: Tensor) -> Tensor:
        x = F.pixel_shuffle(x, self.size)
        if self.rows is None:
            return self.inner.show(x)
        # A decoder sees zeros beyond its edges, and draws a line there.
        shown = self.inner.show(F.pad(x, (0, 0, _AROUND, _AROUND), mode="replicate"))
        beyond = _AROUND * self.inner.factor
        shown = shown[:, beyond:-beyond]
        return extrapolate(shown, shown.shape[2], self.rows[0] * self.factor)


def encode(autoencoder: Any, images: Tensor) -> Tensor:
    """[B, 3, H, W] in [-1, 1] → [B, C, h, w] latents, the mode where there is a distribution."""
    with torch.no_grad(), in_precision("auto", images.device):
        encoded = autoencoder.encode(channels_last(images.to(autoencoder.dtype)))
    if hasattr(encoded, "latent_dist"):
        latents = encoded.latent_dist.mode()
    else:  # diffusers' autoencoders name it one way or the other
        latents = encoded.latents if hasattr(encoded, "latents") else encoded.latent
    found: Tensor = latents.float()
    return found


def downscale(autoencoder: Any, resolution: int, where: str) -> int:
    """Pixels to a latent, a side.

    Raises:
        MirageError: photos of `resolution` cannot be encoded; says so at `where`.
    """
    try:
        latents = encode(autoencoder, torch.zeros(1, 3, resolution, resolution))
    except (RuntimeError, AttributeError, ValueError, TypeError) as error:
        raise MirageError(
            f"photos of {resolution} px cannot be encoded: {str(error).splitlines()[0][:200]}",
            where=where,
            todo="name an image autoencoder of diffusers, and a resolution that it takes",
        ) from error
    side = latents.shape[-1]
    if resolution % side:
        raise MirageError(
            f"{resolution} px become {side} latents a side, which is no whole division",
            where=f"{where}, data.resolution",
            todo="use a resolution that the autoencoder divides evenly, such as a multiple of 64",
        )
    return resolution // side


def shipped_autoencoders() -> dict[str, Path]:
    """Name → folder of the autoencoders that come with the package.

    Those that shipped weights bring along are named as the weights.
    """
    root = Path(mirage.pretrained.__file__).parent
    files = sorted([*root.glob("*/config.json"), *root.glob("*/autoencoder/config.json")])
    return {file.relative_to(root).parts[0]: file.parent for file in files}


def load_autoencoder(name: str, where: str) -> nn.Module:
    """A diffusers autoencoder, frozen, in evaluation mode, in fp32.

    Where no hub answers, what was fetched before is taken; there is no waiting for it.

    Args:
        name: of a folder, of one that comes with the package, or of one on the hub.

    Raises:
        MirageError: there is none.
    """
    known = shipped_autoencoders()
    if not Path(name).exists() and name in known:
        name = str(known[name])
    here_alone = not Path(name).exists() and not hub_answers()
    try:
        autoencoder: nn.Module = AutoModel.from_pretrained(
            name, local_files_only=here_alone, low_cpu_mem_usage=False
        )
    except Exception as error:  # diffusers and the hub raise nearly anything
        why = f"{name} is no folder, was not fetched before, and no hub answers"
        raise MirageError(
            f"no autoencoder can be read: {why if here_alone else _first_line(error)}",
            where=where,
            todo="give a folder that diffusers' save_pretrained wrote, as `mirage autoencoder` "
            f"does, {', '.join(known) or 'none'} of those that come with mirage, or the name of "
            "one on the hub where the hub answers; experiment=photos_128 needs none from there",
        ) from error
    return autoencoder.eval().requires_grad_(False)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
