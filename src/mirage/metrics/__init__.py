"""Figures of merit, as pure functions, and the registry of them."""
