"""Notebooks as values."""
