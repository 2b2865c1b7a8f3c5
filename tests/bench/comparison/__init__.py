"""Compares colabctl with its peers, for `python -m tests.bench`."""
