"""Staged data: copies of the project's files on this machine's own disk, where reading is fast."""
