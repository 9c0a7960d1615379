"""Patch features of a pretrained network, streamed."""
