"""Photos to turn: posed, judged, placed; and the best of several views."""
