"""Tests of saved values."""
