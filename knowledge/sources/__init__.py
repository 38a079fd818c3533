"""Reads sources into documents. Knows nothing of passages, vectors or indexes."""
