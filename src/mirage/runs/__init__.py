"""A run's folder, and what is asked of it."""
