"""Weights that travel with the package; each folder is an exported pipeline with its card."""
