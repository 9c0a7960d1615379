"""Pictures and tables, of arrays alone."""
