"""The space of a sweep: distributions, nested maps, branches, cells."""
