"""Runs Optuna objectives as tasks."""
