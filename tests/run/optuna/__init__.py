"""Tests of colabctl/run/optuna."""
