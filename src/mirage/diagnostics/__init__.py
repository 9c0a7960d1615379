"""What the poses of a run look like, for a person to judge."""
