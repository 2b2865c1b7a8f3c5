"""Tests of colabctl/search/language/links."""
