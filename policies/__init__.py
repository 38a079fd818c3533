"""Is it allowed? Facts in, verdict out. Pure but for `policies.load`."""
