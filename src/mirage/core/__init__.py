"""What every room stands on: contracts, errors, files, locks, messages, progress, angles."""
