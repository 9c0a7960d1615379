"""From noise to views: schedule, solvers, attention to the reference, guidance."""
