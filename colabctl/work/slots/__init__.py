"""The slots of a worker: their environment and settings, and where tasks wait and run."""
