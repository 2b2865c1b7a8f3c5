"""Workers that run tasks in the loop of a notebook or script."""
