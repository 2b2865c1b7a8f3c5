"""Tests of colabctl/search/language."""
