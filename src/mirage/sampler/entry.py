"""How the reference enters the sampler: by inversion, with fixed noise, or whichever is better."""

from __future__ import annotations

import torch
from torch import Tensor

from mirage.config import ViewsConfig
from mirage.contracts import ReferenceEntry
from mirage.sampler.invert import invert
from mirage.sampler.reference import FixedNoise, ReferenceTrack
from mirage.sampler.solve import SOLVERS, Denoise

_LEAST_ERROR = 1e-10  # mean squared; keeps the PSNR of a perfect reconstruction finite


def enter_reference(
    denoise: Denoise, image: Tensor, noise: Tensor, sigmas: Tensor, config: ViewsConfig
) -> tuple[ReferenceTrack, ReferenceEntry]:
    """The photo at every noise level, by `config.reference_path`, and how it was chosen.

    `auto` denoises the photo back from either track's noisiest level with the solver of the views,
    and takes the track that comes nearer to the photo. With T levels and S evaluations a solve (T,
    or 2T − 1 for Heun) that costs 2T − 1 + 2S image forwards; inversion alone costs 2T − 1, fixed
    noise none.

    Args:
        denoise: of the photo in its own pose, with nothing shared.
        image: [1, C, H, W] clean, in [-1, 1]. noise: [1, C, H, W] standard normal.
        sigmas: [T + 1] falling to 0.
    """
    fixed = FixedNoise(image, noise)
    if config.reference_path == "fixed_noise":
        return fixed, ReferenceEntry("fixed_noise")
    inverted = invert(denoise, image, sigmas)
    if config.reference_path == "inversion":
        return inverted, ReferenceEntry("inversion")
    tracks: dict[str, ReferenceTrack] = {"inversion": inverted, "fixed_noise": fixed}
    psnr = {
        name: reconstruction_psnr(denoise, track, image, sigmas, config.solver)
        for name, track in tracks.items()
    }
    chosen = max(psnr, key=lambda name: psnr[name])
    return tracks[chosen], ReferenceEntry(chosen, psnr)


def reconstruction_psnr(
    denoise: Denoise, track: ReferenceTrack, image: Tensor, sigmas: Tensor, solver: str
) -> float:
    """PSNR (dB) of `image`, denoised back from the noisiest level of its track.

    A solve that runs away to no number at all counts as grey.
    """
    start = track.at(sigmas[0]) / sigmas[0]  # the solvers scale their noise themselves
    back = SOLVERS[solver](denoise, start, sigmas).nan_to_num(0.0).clamp(-1, 1)
    error = (back - image).square().mean().clamp(min=_LEAST_ERROR)
    return float(10 * torch.log10(4 / error))  # the range [-1, 1] is 2 wide
