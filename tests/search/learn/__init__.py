"""Tests of colabctl/search/learn."""
