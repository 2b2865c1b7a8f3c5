"""Tests of the commands about notebooks."""
