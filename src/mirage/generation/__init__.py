"""One photo to its views: intake, checks, sampling, and what is kept."""
