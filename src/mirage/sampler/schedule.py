"""Noise levels of a solve (Karras et al. 2022, arXiv 2206.00364, equation 5).

Levels are Python's floats from here to the network's door: what is computed of them alone never
waits for a device, and a level finds what was kept at it by being equal.
"""

from __future__ import annotations

from mirage.config import SamplerConfig


def karras_sigmas(num_steps: int, sigma_min: float, sigma_max: float, rho: float) -> list[float]:
    """`num_steps` + 1 noise levels from `sigma_max` down to `sigma_min`, then 0."""
    low, high = sigma_min ** (1 / rho), sigma_max ** (1 / rho)
    between = [
        (high + step / (num_steps - 1) * (low - high)) ** rho for step in range(1, num_steps - 1)
    ]
    # The ends as they were asked for, to the bit: intervals of guidance end there too.
    levels = [sigma_max, *between, sigma_min]
    return [*levels[:num_steps], 0.0]


def sigmas_of(sampler: SamplerConfig) -> list[float]:
    """The noise levels that a sampler is configured to pass."""
    return karras_sigmas(sampler.steps, sampler.sigma_min, sampler.sigma_max, sampler.rho)
