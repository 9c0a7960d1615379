"""The parts of scripts/gpu_check.sh that are no tests and no benchmarks.

    python scripts/gpu_check/parts.py pack RUN CACHE    what a training needs of RUN, small
    python scripts/gpu_check/parts.py export OUT RUN    RUN/model of the weights left in OUT
    python scripts/gpu_check/parts.py speed | training [CACHE]

The last two write what they find to $GPU_CHECK_RESULT as they find it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from carried_weights import export
from packed_run import pack
from packed_training import training
from training_speed import speed

PARTS: dict[str, Callable[..., None]] = {
    "speed": speed,
    "training": training,
    "pack": pack,
    "export": export,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("folders", type=Path, nargs="*")
    args = parser.parse_args()
    folders = args.folders or ([None] if args.part == "training" else [])
    PARTS[args.part](*folders)


if __name__ == "__main__":
    main()
