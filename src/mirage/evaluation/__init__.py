"""How good poses and views of a run are."""
