"""How good poses and views are, against the truth where it is known."""
