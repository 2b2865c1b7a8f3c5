"""Tests of colabctl/search/language/limits."""
