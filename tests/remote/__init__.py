"""Tests of the remote room."""
