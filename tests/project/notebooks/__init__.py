"""Tests of colabctl/project/notebooks."""
