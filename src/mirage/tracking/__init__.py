"""All of W&B."""
