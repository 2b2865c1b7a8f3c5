"""Tests of the room of final results."""
