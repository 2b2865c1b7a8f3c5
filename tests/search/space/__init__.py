"""Tests of colabctl/search/space."""
