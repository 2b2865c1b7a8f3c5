"""Tests of staged data."""
