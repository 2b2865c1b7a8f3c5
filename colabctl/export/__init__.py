"""Exports a sweep to other tools: W&B sweep files, an Optuna database, a table of tasks."""
