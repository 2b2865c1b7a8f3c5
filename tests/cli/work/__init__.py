"""Tests of the commands that run tasks."""
