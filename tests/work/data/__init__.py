"""Tests of colabctl/work/data."""
