"""Tests of colabctl/run."""
