"""Where photos come from, a file a source."""
