"""Time an orbit of views, hard-attention and pose guidance in force, against plainer sharing.

All use the same weights, noise, noise levels, solver and attention. Ours passes everything in one
batch a noise level: the reference once, and the views in three branches (soft, without pose, hard).
The peers pass the reference with every batch: with each view (pairs), or once a branch (all in one
batch).

The gate has two parts. Hard attention takes the value of one key: where two keys all but tie,
rounding decides, so that even the two peers part ways in fp32 after some steps. Its orbits must
therefore agree with the network in fp64, and those without it in fp32.

`python benchmarks/orbit.py --help` lists the options.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from operator import itemgetter

# As in kmeans.py: a thread that waits must not burn a processor that another one needs.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
from diffusers import UNet2DModel
from diffusers.models.attention_processor import Attention
from paired import print_table, print_versions, take_turns
from PIL import Image
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from mirage.config import ViewsConfig
from mirage.config.changes import changed
from mirage.core.contracts import ByteArray, FloatArray, PoseCondition, PosedPhoto, PoseRing
from mirage.generation.pretrained import find_pretrained
from mirage.model.codec import PIXELS
from mirage.model.cross_frame import hard_attention
from mirage.model.denoiser import PoseDenoiser
from mirage.sampler.export import load_pipeline
from mirage.sampler.noise import image_key, reference_noise, view_noise
from mirage.sampler.orbit import sample_orbit
from mirage.sampler.reference import FixedNoise
from mirage.sampler.schedule import sigmas_of
from mirage.sampler.solve import SOLVERS
from mirage.sampler.targets import between_poses, ring_azimuths

TOLERANCE = 1e-4  # of the clean estimates, which lie in about [-1, 1]
OURS = "mirage.sampler.orbit"
PAIRS, TOGETHER = "a pair for every view", "reference in the batch"
REFERENCE_POSE = 0
ALWAYS = [0.0, 1e9]  # noise levels
# Fixed noise and a start of its own for every view: there is nothing to invert, for anyone.
SETTINGS = {
    "mode": "hard",
    "start": 0.0,
    "noise": "fixed",
    "guidance.pose.interval": ALWAYS,
    "guidance.hard.interval": ALWAYS,
}


def load_denoiser(resolution: int, device: torch.device) -> tuple[PoseDenoiser, PoseRing]:
    """The shipped weights at their own resolution, or the same network with random ones."""
    pipeline = load_pipeline(find_pretrained("turntable_cars"))
    denoiser = pipeline.denoiser
    if resolution != denoiser.resolution:  # timing does not ask for trained weights
        torch.manual_seed(0)
        denoiser.unet = UNet2DModel.from_config(denoiser.unet.config, sample_size=resolution)
    return denoiser.to(device).eval(), pipeline.ring


def make_photo(resolution: int) -> ByteArray:
    """[H, W, 3] smooth colours."""
    coarse = np.random.default_rng(0).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    smooth = Image.fromarray(coarse).resize((resolution, resolution), Image.Resampling.BICUBIC)
    return np.asarray(smooth)


class FirstFrameAttention:
    """The keys and values of the batch's first frame serve all of it.

    As diffusers' CrossFrameAttnProcessor2_0 (text-to-video zero) does, for the 4-D inputs of
    UNet2DModel. The hard branch is the views' only: the reference looks at itself as ever.
    """

    def __init__(self) -> None:
        self.hard = False

    def share(self, own: Tensor) -> Tensor:
        """Every frame's keys (or values) [B, heads, n, d] → those that it attends to."""
        return own[:1].expand_as(own)

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        """[B, C, H, W] → [B, C, H, W]; the last three are unused, but diffusers asks for them."""
        pixels = hidden_states.flatten(2)
        if attn.group_norm is not None:
            pixels = attn.group_norm(pixels)
        query, key, value = (
            project(pixels.transpose(1, 2)).unflatten(2, (attn.heads, -1)).transpose(1, 2)
            for project in (attn.to_q, attn.to_k, attn.to_v)
        )
        key, value = self.share(key), self.share(value)
        if self.hard:
            first = scaled_dot_product_attention(query[:1], key[:1], value[:1])
            rest = hard_attention(query[1:], key[1:], value[1:])
            attended = torch.cat([first, rest])
        else:
            attended = scaled_dot_product_attention(query, key, value)
        projected = attn.to_out[0](attended.transpose(1, 2).flatten(2)).transpose(1, 2)
        output: Tensor = projected.reshape(hidden_states.shape)
        if attn.residual_connection:
            output = output + hidden_states
        return output / attn.rescale_output_factor


class Peer:
    """An orbit whose reference is the first image of every batch.

    Args:
        together: views in a batch: 1 makes pairs.
        attention: whose keys and values the frames of a batch attend to.
    """

    def __init__(
        self,
        denoiser: PoseDenoiser,
        ring: PoseRing,
        config: ViewsConfig,
        together: int,
        attention: FirstFrameAttention,
    ) -> None:
        self.denoiser, self.ring, self.config = denoiser, ring, config
        self.together, self.attention = together, attention
        self.num_forwards = 0

    @torch.inference_mode()
    def sample(self, photo: ByteArray, azimuths: FloatArray, estimates: list[Tensor]) -> ByteArray:
        """[V, H, W, 3] frames; `estimates` takes the clean estimates of every step."""
        self.num_forwards = 0
        config, device = self.config, self.denoiser.embedding.pose.weight.device
        pixels = torch.from_numpy(np.array(photo))
        key, image = image_key(photo), PIXELS.load(pixels[None])
        shape = tuple(image.shape[1:])
        noise = view_noise(config.seed, key, azimuths.tolist(), shape).to(device)
        own = reference_noise(config.seed, key, shape)
        track = FixedNoise(image.to(device), own.to(device))
        sigmas = sigmas_of(config.sampler)
        # The reference's condition before those of the views.
        views, first = between_poses(self.ring, azimuths), np.array([REFERENCE_POSE])
        own_azimuth = self.ring.azimuth[first].astype(float)
        reference = between_poses(self.ring, own_azimuth)
        condition = PoseCondition(
            *(
                torch.cat([getattr(c, name) for c in (reference, views)]).to(device)
                for name in ("pose", "azimuth", "other", "share")
            )
        )
        unposed = condition.null()
        unposed.pose[0] = REFERENCE_POSE
        layers = [m for m in self.denoiser.unet.modules() if isinstance(m, Attention)]
        stock = [layer.processor for layer in layers]
        for layer in layers:
            layer.set_processor(self.attention)

        def branch(x: Tensor, sigma: float, told: PoseCondition, hard: bool = False) -> Tensor:
            self.attention.hard = hard
            reference, parts = track.at(sigma), []
            for views in torch.arange(len(x), device=device).split(self.together):
                batch = torch.cat([reference, x[views]])
                rows = torch.cat([views.new_zeros(1), views + 1])
                theirs = told.map(itemgetter(rows))
                parts.append(self.denoiser(batch, batch.new_full([len(batch)], sigma), theirs)[1:])
                self.num_forwards += len(batch)
            return torch.cat(parts)

        def guided(x: Tensor, sigma: float) -> Tensor:
            soft = branch(x, sigma, condition)
            towards_pose = soft - branch(x, sigma, unposed)
            towards_hard = branch(x, sigma, condition, hard=True) - soft
            guidance = config.guidance
            steered = soft + guidance.pose.weight * towards_pose
            return steered + guidance.hard.weight * towards_hard

        views = SOLVERS[config.sampler.solver](
            guided, noise, sigmas, lambda step, sigma, clean: estimates.append(clean)
        )
        for layer, before in zip(layers, stock, strict=True):
            layer.set_processor(before)
        return PIXELS.show(views).cpu().numpy()


class Contenders:
    """Ours and the peers, on one network, photo and ring."""

    def __init__(self, denoiser: PoseDenoiser, ring: PoseRing, num_views: int) -> None:
        self.denoiser, self.ring, self.num_views = denoiser, ring, num_views
        self.photo = make_photo(denoiser.resolution)
        self.start = float(ring.azimuth[REFERENCE_POSE])
        self.azimuths = ring_azimuths(ring, num_views, self.start)
        self.forwards: dict[str, int] = {}
        self.calls: dict[str, int] = {}  # of the network

    def ours(self, config: ViewsConfig) -> list[Tensor]:
        """The clean estimates of all steps."""
        estimates: list[Tensor] = []
        orbit = sample_orbit(
            self.denoiser,
            self.ring,
            [PosedPhoto(self.photo, REFERENCE_POSE, self.start)],
            self.azimuths,
            config,
            lambda step, sigma, clean: estimates.append(clean),
        )
        self.forwards[OURS] = orbit.num_forwards
        return estimates

    def theirs(self, name: str, together: int, config: ViewsConfig) -> list[Tensor]:
        """The clean estimates of all steps, with `together` views in a batch."""
        estimates: list[Tensor] = []
        peer = Peer(self.denoiser, self.ring, config, together, FirstFrameAttention())
        peer.sample(self.photo, self.azimuths, estimates)
        self.forwards[name] = peer.num_forwards
        return estimates

    def runs(self, config: ViewsConfig) -> dict[str, Callable[[], list[Tensor]]]:
        return {
            OURS: partial(self.ours, config),
            PAIRS: partial(self.theirs, PAIRS, 1, config),
            TOGETHER: partial(self.theirs, TOGETHER, self.num_views, config),
        }

    def difference(self, config: ViewsConfig) -> float:
        """The largest between our clean estimates and a peer's, over all steps."""
        found = {}
        for name, run in self.runs(config).items():
            with self._counting(name):
                found[name] = run()
        return max(
            float((theirs - ours).abs().max())
            for name in (PAIRS, TOGETHER)
            for theirs, ours in zip(found[name], found[OURS], strict=True)
        )

    @contextmanager
    def _counting(self, name: str) -> Iterator[None]:
        self.calls[name] = 0

        def count(*_: object) -> None:
            self.calls[name] += 1

        hook = self.denoiser.register_forward_pre_hook(count)
        try:
            yield
        finally:
            hook.remove()


def compare(resolution: int, args: argparse.Namespace) -> bool:
    """Gate and timings at one resolution; whether all clean estimates agree."""
    denoiser, ring = load_denoiser(resolution, torch.device(args.device))
    asked = {"sampler.steps": args.steps, "sampler.solver": args.solver, **SETTINGS}
    config = changed(ViewsConfig(), asked, "views")
    contenders = Contenders(denoiser, ring, args.views)
    denoiser.double()
    hard = contenders.difference(config)
    denoiser.float()
    soft = contenders.difference(changed(config, {"guidance.hard.weight": 0.0}, "views"))
    for run in contenders.runs(config).values():  # the first run also chooses and compiles kernels
        run()
    seconds, _ = take_turns(contenders.runs(config), args.rounds)
    notes = {
        name: f"{count} image forwards in {contenders.calls[name]} calls"
        for name, count in contenders.forwards.items()
    }
    weights = "shipped" if resolution == 32 else "random"
    title = f"{args.views} views of {resolution} px, {args.steps} steps of {args.solver}, {weights}"
    print_table(f"{title} weights, fp32", seconds, OURS, notes)
    print(f"clean estimates differ by at most {hard:.1e} (fp64), without hard {soft:.1e} (fp32)")
    return max(hard, soft) <= TOLERANCE


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--resolutions", type=int, nargs="+", default=[32], help="32, 64, …")
    parser.add_argument("--views", type=int, default=8)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--solver", choices=sorted(SOLVERS), default="dpmpp_2m")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.backends.cudnn.allow_tf32 = False  # the gate asks for fp32 in full
    print_versions(["diffusers", "torch"], args.threads, args.rounds)
    equal = [compare(resolution, args) for resolution in args.resolutions]
    if not all(equal):
        print(f"\nGATE FAILED: clean estimates differ by more than {TOLERANCE:g}")
    return 0 if all(equal) else 1


if __name__ == "__main__":
    sys.exit(main())
