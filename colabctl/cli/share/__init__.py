"""The commands that give others access, and results."""
