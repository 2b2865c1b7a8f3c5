"""Checks a project for problems, and says how to fix them."""
