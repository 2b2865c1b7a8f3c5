"""What a worker writes: what is due, and what happens if the folder does not take it."""
