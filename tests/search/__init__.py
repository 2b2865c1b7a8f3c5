"""The sweep language."""
