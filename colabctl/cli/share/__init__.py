"""The commands that give others access, or results."""
