"""Tests of colabctl/run/wandb."""
