"""Runs one task: a function, a program, a notebook, an Optuna objective, a W&B script."""
