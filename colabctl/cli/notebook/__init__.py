"""The commands about notebooks: new, prepare, diff, merge, and workers."""
