"""Runs one task: a function, a program, a notebook, an Optuna objective or a W&B script."""
