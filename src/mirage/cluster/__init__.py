"""Commands as jobs of Slurm."""
