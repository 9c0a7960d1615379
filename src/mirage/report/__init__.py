"""Figures, pictures and the page: what a person reads of a run."""
