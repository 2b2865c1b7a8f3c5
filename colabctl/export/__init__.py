"""Writes a declared sweep for other tools: W&B's sweep files, an Optuna database, a table."""
