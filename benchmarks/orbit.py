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

# As in kmeans.py: a thread that waits must not burn a processor that another one needs.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
from orbit_peer import REFERENCE_POSE, FirstFrameAttention, Peer
from paired import print_table, print_versions, take_turns
from PIL import Image
from torch import Tensor

from mirage.config import ViewsConfig
from mirage.config.changes import changed
from mirage.config.load import load_config
from mirage.core.contracts import ByteArray, PosedPhoto, PoseRing
from mirage.model.denoiser import PoseDenoiser
from mirage.sampler.orbit import sample_orbit
from mirage.sampler.solve import SOLVERS
from mirage.sampler.targets import ring_azimuths

TOLERANCE = 1e-4  # of the clean estimates, which lie in about [-1, 1]
OURS = "mirage.sampler.orbit"
PAIRS, TOGETHER = "a pair for every view", "reference in the batch"
ALWAYS = [0.0, 1e9]  # noise levels
# Fixed noise and a start of its own for every view: there is nothing to invert, for anyone.
SETTINGS = {
    "mode": "hard",
    "start": 0.0,
    "noise": "fixed",
    "guidance.pose.interval": ALWAYS,
    "guidance.hard.interval": ALWAYS,
}


def make_denoiser(resolution: int, device: torch.device) -> tuple[PoseDenoiser, PoseRing]:
    """The network of turntable_cars_32 with random weights, for timing asks for no others."""
    config = load_config(["experiment=turntable_cars_32"])
    torch.manual_seed(0)
    denoiser = PoseDenoiser.build(config.model, resolution, config.poses.count)
    azimuth = np.arange(config.poses.count) * 360.0 / config.poses.count
    return denoiser.to(device).eval(), PoseRing(azimuth, score=1.0)


def make_photo(resolution: int) -> ByteArray:
    """[H, W, 3] smooth colours."""
    coarse = np.random.default_rng(0).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    smooth = Image.fromarray(coarse).resize((resolution, resolution), Image.Resampling.BICUBIC)
    return np.asarray(smooth)


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
    denoiser, ring = make_denoiser(resolution, torch.device(args.device))
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
    title = f"{args.views} views of {resolution} px, {args.steps} steps of {args.solver}"
    print_table(f"{title}, random weights, fp32", seconds, OURS, notes)
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
