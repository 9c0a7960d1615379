"""What the recipes for photos cost, counted, and how long they would take on some GPUs.

Nothing is measured: operations are counted on the meta device, and divided by a GPU's peak (dense
bf16 with fp32 sums, from its maker's data sheet) times the share of it that trainings of such
networks reach. `mirage doctor`, on the machine itself, measures that speed in a second, and
`mirage train dry_run=true` the steps.
"""

from __future__ import annotations

import argparse

from mirage.config.load import load_config
from mirage.training.recipes import known_recipes

PEAKS = {"RTX 3090": 71, "RTX 4090": 165, "A100": 312, "H100": 989}  # TFLOP/s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--utilisation", type=float, default=0.35, help="of the peak, assumed")
    args = parser.parse_args()
    print(f"at {args.utilisation:.0%} of the peak: images/s in training, hours with refinement")
    print(f"{'':12}{'weights':>9}{'GFLOP/image':>13}{'batch':>7}{'steps':>9}{'memory':>9}", end="")
    print("".join(f"{name:>16}" for name in PEAKS))
    for recipe in known_recipes():
        cost, config = recipe.cost, load_config([f"experiment={recipe.name}"])
        memory = cost.memory_gb(recipe.batch, bf16=True)
        print(
            f"{recipe.name:12}{cost.num_weights / 1e6:7.1f} M{cost.flops / 1e9:13.1f}"
            f"{recipe.batch:7}{config.train.steps:9}{memory:6.0f} GB",
            end="",
        )
        for peak in PEAKS.values():
            rate = args.utilisation * peak * 1e12 / cost.flops
            print(f"{rate:8.0f}/s {recipe.steps * recipe.batch / rate / 3600:4.1f} h", end="")
        print()


if __name__ == "__main__":
    main()
