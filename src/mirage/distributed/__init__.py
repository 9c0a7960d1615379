"""The processes of one command, the device each has, and its threads."""
