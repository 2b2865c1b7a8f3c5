"""Tests of colabctl/search."""
