"""Versions of one notebook: what differs between two of them, and both in one notebook."""
