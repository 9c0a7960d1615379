"""A file of a picture to an upright RGB photo, and to the square that networks see."""
