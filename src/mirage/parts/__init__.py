"""Patches to parts of the object, and which parts are the object."""
