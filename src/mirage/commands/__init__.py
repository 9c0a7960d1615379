"""The commands of `mirage`."""
