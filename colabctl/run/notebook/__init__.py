"""Runs tasks in the kernels of a notebook."""
