"""What parameters can be: distributions, nested maps, branches, cells."""
