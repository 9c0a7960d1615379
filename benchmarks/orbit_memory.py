"""Peak memory of an orbit at several numbers of views and sizes, against full sharing.

    python benchmarks/orbit_memory.py --output orbit_memory.png

Full sharing, in its plain form: the reference and all views are one batch, and every frame attends
to the keys of all frames, joined. That batch cannot be cut, as each view needs the others; ours
needs the reference's keys and values alone, so the views pass in chunks (views.sampler.chunk). The
joined keys are stored once, not once a view.

Every figure is of a process of its own: the largest resident set, as the kernel counts it, or on a
GPU what torch had allocated; and how much more that is than just before the first step. Both
guidances act at all steps. Two steps are enough: neither keeps anything of the steps before the
last.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from math import nan
from pathlib import Path

import numpy as np
import torch
from orbit import SETTINGS, make_denoiser, make_photo
from orbit_peer import REFERENCE_POSE, FirstFrameAttention, Peer
from torch import Tensor

from mirage.config import ViewsConfig
from mirage.config.changes import changed
from mirage.core.contracts import PosedPhoto
from mirage.drawing.plots.sweeps import Series, draw_panels
from mirage.sampler.orbit import sample_orbit
from mirage.sampler.targets import ring_azimuths

NAIVE = "full sharing"


class AllFramesAttention(FirstFrameAttention):
    """Every frame attends to all frames of the batch."""

    def share(self, own: Tensor) -> Tensor:
        joined = own.transpose(0, 1).flatten(1, 2)  # [heads, B·n, d]
        return joined.expand(len(own), -1, -1, -1)


def resident(line: str) -> float:
    """MiB: VmRSS is held now, VmHWM was the most. Not getrusage, which counts the parent's too."""
    for found in Path("/proc/self/status").read_text().splitlines():
        if found.startswith(f"{line}:"):
            return int(found.split()[1]) / 1024
    raise LookupError(line)


def sampling(
    who: str, views: int, resolution: int, args: argparse.Namespace
) -> Callable[[], object]:
    """The sampling of one orbit. who: full sharing, or the number of views in a chunk of ours."""
    denoiser, ring = make_denoiser(resolution, torch.device(args.device))
    photo, start = make_photo(resolution), float(ring.azimuth[REFERENCE_POSE])
    azimuths = ring_azimuths(ring, views, start)
    chunk = views if who == NAIVE else int(who)
    asked = {"sampler.steps": args.steps, "sampler.chunk": chunk, **SETTINGS}
    config = changed(ViewsConfig(), asked, "views")
    if who == NAIVE:
        peer = Peer(denoiser, ring, config, views, AllFramesAttention())
        return lambda: peer.sample(photo, azimuths, [])
    posed = [PosedPhoto(photo, REFERENCE_POSE, start)]
    return lambda: sample_orbit(denoiser, ring, posed, azimuths, config)


def measure(who: str, views: int, resolution: int, args: argparse.Namespace) -> None:
    """Print what this process held at most, and how much more that is than before, MiB."""
    sample = sampling(who, views, resolution, args)
    if args.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated() / 2**20
        sample()
        peak = torch.cuda.max_memory_allocated() / 2**20
    else:
        before = resident("VmRSS")
        sample()
        peak = resident("VmHWM")
    print(peak, peak - before)


def measure_apart(who: str, views: int, resolution: int) -> tuple[float, float, float]:
    """Peak and its growth, MiB, and seconds, of a new process with the options of this one."""
    start = time.monotonic()
    words = [*sys.argv, "--point", who, str(views), str(resolution)]
    found = subprocess.run([sys.executable, *words], check=True, stdout=subprocess.PIPE, text=True)
    peak, growth = map(float, found.stdout.split()[-2:])
    return peak, growth, time.monotonic() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--views", type=int, nargs="+", default=[8, 16, 32, 64])
    parser.add_argument("--resolutions", type=int, nargs="+", default=[32, 64])
    parser.add_argument("--chunks", type=int, nargs="+", default=[8, 64], help="of ours")
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--output", type=Path, default=Path("runs/orbit_memory.png"))
    parser.add_argument("--point", nargs=3, help=argparse.SUPPRESS)  # what a process measures
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.point:
        who, views, resolution = args.point
        measure(who, int(views), int(resolution), args)
        return
    names = {str(chunk): f"ours, chunks of {chunk}" for chunk in args.chunks} | {NAIVE: NAIVE}
    panels: dict[str, list[Series]] = {}
    print(f"{'':24}{'px':>4}{'views':>7}{'peak MiB':>10}{'growth':>8}{'seconds':>9}")
    for resolution in args.resolutions:
        lines = panels.setdefault(f"{resolution} px: growth of the peak, MiB", [])
        for who, name in names.items():
            growths = []
            for views in args.views:
                peak, growth, seconds = measure_apart(who, views, resolution)
                growths.append(growth)
                print(
                    f"{name:24}{resolution:4d}{views:7d}{peak:10.0f}{growth:8.0f}{seconds:9.0f}",
                    flush=True,
                )
            lines.append(Series(name, args.views, growths, np.full(len(growths), nan).tolist()))
    args.output.parent.mkdir(parents=True, exist_ok=True)
    draw_panels("views", panels).save(args.output)
    print(f"drawn to {args.output}")


if __name__ == "__main__":
    main()
