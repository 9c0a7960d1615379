"""What the values of keys can be: choices, bounds, paths."""
