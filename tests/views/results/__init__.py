"""Tests of results: their columns, groups and files."""
