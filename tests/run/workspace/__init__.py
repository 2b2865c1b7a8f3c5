"""The folder in which tasks run."""
