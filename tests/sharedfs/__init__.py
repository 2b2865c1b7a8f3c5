"""Tests of colabctl/sharedfs."""
