"""Tests of workers that learn from results."""
