"""The pose-conditional diffusion model."""
