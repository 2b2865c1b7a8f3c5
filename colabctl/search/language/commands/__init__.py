"""Reads commands as the shells and interpreters do that they start."""
