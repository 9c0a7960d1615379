"""The circle that photos of a turning object lie on: found, timed, and read."""
