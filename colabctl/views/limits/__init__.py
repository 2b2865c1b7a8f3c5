"""What limits a sweep now: what was used of its budget, and what no worker has."""
