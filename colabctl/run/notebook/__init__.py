"""Runs tasks in a notebook's kernels."""
