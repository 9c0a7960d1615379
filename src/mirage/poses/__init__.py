"""Part layouts to poses, and poses in order round the circle."""
