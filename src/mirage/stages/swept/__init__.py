"""A sweep's jobs: what they share, each of them, and how they compare."""
