"""Pictures of what the poses stage found."""
