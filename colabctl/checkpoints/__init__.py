"""Saved values: their formats, how they are written whole, and what they were made from."""
