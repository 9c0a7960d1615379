"""The sections of the configuration: a file each, named as its key."""
