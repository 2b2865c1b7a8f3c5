"""Tests of the commands that steer."""
