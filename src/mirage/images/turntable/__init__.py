"""Rendered sets of cars, chairs and mugs, whose azimuths are known."""
