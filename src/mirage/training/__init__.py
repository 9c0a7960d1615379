"""What surrounds a fit: data, checkpoints, precision, pairs, recipes."""
