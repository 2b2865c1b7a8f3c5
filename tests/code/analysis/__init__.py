"""Tests of what code refers to."""
