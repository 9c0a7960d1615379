"""Many runs of one base: laid out, made together, compared."""
