"""Lets diffusers find the pipeline; needs the `mirage` package."""

from mirage.sampler.pipeline import MiragePipeline

__all__ = ["MiragePipeline"]
