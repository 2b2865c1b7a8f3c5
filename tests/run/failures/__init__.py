"""Tests of how failures are described."""
