"""What limits a sweep: its budget, its patience, and what its tasks need of a machine."""
