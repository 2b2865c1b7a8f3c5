"""Reads what a task logged with W&B."""
