"""The stages of a run: each reads what earlier ones wrote, and skips itself when it is done."""
