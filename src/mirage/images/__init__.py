"""Photos: where they are from, which are usable, and how they are read."""
