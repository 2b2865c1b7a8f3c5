"""Tests of the facts behind `colabctl space`, and of what --tidy removes."""
