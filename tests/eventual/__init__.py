"""Real workers on a Drive that shows each machine the others' files late."""
