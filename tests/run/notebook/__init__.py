"""Tests of colabctl/run/notebook."""
