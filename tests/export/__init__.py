"""Tests of colabctl/export."""
