"""Tests of colabctl/conditions."""
