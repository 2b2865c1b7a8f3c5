"""Reads what a task logs with W&B."""
