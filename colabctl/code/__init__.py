"""What a sweep runs: how its program is found, and the files that are frozen with it."""
